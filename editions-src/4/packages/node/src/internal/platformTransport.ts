/** A `Socket` of Effect as a transport. */
import type { Address } from "@socketpool/core/Connection"
import type { Failure, Receiver, Transport } from "@socketpool/core/Transport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { async, firstOf } from "./effect.js"

/** The number of unsent bytes (or characters, for text) from which on a `send` waits. */
const highWaterMark = 65_536

/** The longest that a close waits for the peer's close. Real time, because the peer has no other. */
const lingerMillis = 1_000

/** The same for a connection whose place a borrower may be waiting for. */
const quickLingerMillis = 50

type Outgoing = Uint8Array | string | Socket.CloseEvent

/** Something that one party waits for, until another does it. */
class Signal {
  private wake: (() => void) | undefined = undefined

  constructor(private readonly isGiven: () => boolean) {}

  readonly wait: Effect.Effect<void> = async((resume) => {
    if (this.isGiven()) return resume(Effect.void)
    this.wake = () => resume(Effect.void)
    return Effect.sync(() => (this.wake = undefined))
  })

  readonly give = (): void => {
    const { wake } = this
    this.wake = undefined
    wake?.()
  }
}

export class PlatformTransport implements Transport {
  readonly localAddress: Address
  readonly remoteAddress: Address
  isOpen = true
  isFull = false
  private receiver!: Receiver
  private unsent = 0
  private held: Array<Uint8Array> = []
  private isHeld = false
  private hasOpened = false
  private hasShutDown = false
  private readonly outgoing: Array<Outgoing> = []
  private readonly hasOutgoing = new Signal(() => this.outgoing.length > 0)
  private readonly isReceiving = new Signal(() => !this.isHeld)
  /** Whether the socket must stop. */
  private isOver = false
  private readonly over = new Signal(() => this.isOver)
  private readonly onFlushed: Array<() => void> = []
  private hasEnded = false
  private readonly onEnded: Array<() => void> = []

  constructor(readonly address: string) {
    this.localAddress = { _tag: "UnixAddress", path: address }
    this.remoteAddress = this.localAddress
  }

  start(receiver: Receiver): void {
    this.receiver = receiver
  }

  /**
   * Runs the socket until either side ends it, and runs `opened` once it is open. Fails with the socket's own error.
   */
  readonly run = (
    socket: Socket.Socket,
    opened: Effect.Effect<void>
  ): Effect.Effect<void, Socket.SocketError> =>
    Effect.scoped(firstOf(this.serve(socket, opened), this.over.wait)).pipe(
      Effect.catchIf(isCleanClose, () => Effect.void),
      Effect.onExit((exit) => Effect.sync(() => this.end(exit)))
    )

  private serve(
    socket: Socket.Socket,
    opened: Effect.Effect<void>
  ): Effect.Effect<void, Socket.SocketError, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      const writer = yield* socket.writer
      const pull = yield* Socket.readerBytes(socket)
      this.hasOpened = true
      yield* opened
      const sending = Effect.forever(Effect.flatMap(this.hasOutgoing.wait, () => {
        const data = this.outgoing.shift()
        if (data === undefined) return Effect.void
        return Effect.andThen(writer.write(data), Effect.sync(() => this.noteSent(data)))
      }))
      const receiving = Effect.forever(Effect.andThen(
        this.isReceiving.wait,
        Effect.flatMap(pull, (chunks) => Effect.sync(() => this.receive(chunks)))
      ))
      yield* firstOf(receiving, sending)
    })
  }

  private receive(chunks: ReadonlyArray<Uint8Array>): void {
    this.held.push(...chunks)
    this.pass()
  }

  private pass(): void {
    while (!this.isHeld && this.held.length > 0) this.receiver.data(this.held.shift()!)
  }

  private end(exit: Exit.Exit<void, Socket.SocketError>): void {
    if (this.isOpen) {
      if (Exit.isSuccess(exit)) this.receiver.ended()
      else this.receiver.failed(failureOf(exit.cause))
    }
    this.isOpen = false
    for (const done of this.onFlushed.splice(0)) done()
    this.receiver.closed()
    this.hasEnded = true
    for (const done of this.onEnded.splice(0)) done()
  }

  // --- Sending ------------------------------------------------------------------------------------------------------

  readonly write = (data: Uint8Array | string): boolean => {
    if (!this.isOpen || this.hasShutDown) return true
    this.unsent += data.length
    this.offer(data)
    this.isFull = this.unsent >= highWaterMark
    return !this.isFull
  }

  private offer(data: Outgoing): void {
    this.outgoing.push(data)
    this.hasOutgoing.give()
  }

  private noteSent(data: Outgoing): void {
    if (Socket.isCloseEvent(data)) return
    this.unsent -= data.length
    if (this.unsent > 0) return
    for (const done of this.onFlushed.splice(0)) done()
    if (!this.isFull) return
    this.isFull = false
    this.receiver.drained()
  }

  readonly flushNow = (): boolean => this.unsent === 0

  readonly flush = (done: () => void): void => {
    if (this.unsent === 0 || !this.isOpen) done()
    else this.onFlushed.push(done)
  }

  // --- Receiving ----------------------------------------------------------------------------------------------------

  /** Holds the peer back: what is not pulled stays with the system. */
  readonly hold = (back: boolean): void => {
    this.isHeld = back
    this.pass()
    if (!this.isHeld) this.isReceiving.give()
  }

  get hasUnread(): boolean {
    return this.held.length > 0
  }

  // --- The end ------------------------------------------------------------------------------------------------------

  /** Closes the socket: a platform socket cannot end one direction only. */
  readonly shutdown = (): void => {
    if (this.hasShutDown || !this.isOpen) return
    this.hasShutDown = true
    this.offer(new Socket.CloseEvent(1000))
  }

  readonly close = (how: "Orderly" | "Quickly" | "AtOnce", done: () => void): void => {
    if (this.hasEnded) return done()
    const giveUp = () => {
      this.isOver = true
      this.over.give()
    }
    // A socket that is not open yet has nothing to send and nobody to tell.
    const isAtOnce = how === "AtOnce" || !this.hasOpened
    const timer = isAtOnce ? undefined : setTimeout(giveUp, how === "Quickly" ? quickLingerMillis : lingerMillis)
    this.onEnded.push(() => {
      clearTimeout(timer)
      done()
    })
    if (isAtOnce) giveUp()
    else this.shutdown()
  }
}

/** A normal close, or one without a code, as a broken WebSocket reports it: both are the end of the stream. */
const isCleanClose = ({ reason }: Socket.SocketError): boolean =>
  reason._tag === "SocketCloseError" && (reason.code === 1_000 || reason.code === 1_006)

const failureOf = (cause: Cause.Cause<Socket.SocketError>): Failure => {
  const error = Cause.findErrorOption(cause)
  if (error._tag === "Some" && error.value.reason._tag === "SocketCloseError") {
    return { reason: "Reset", code: String(error.value.reason.code) }
  }
  return { reason: "Reset" }
}
