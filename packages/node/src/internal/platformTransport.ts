/** A `Socket` of `@effect/platform` as a transport. */
import * as Socket from "@effect/platform/Socket"
import type { Address } from "@socketpool/core/Connection"
import type { Failure, Receiver, Transport } from "@socketpool/core/Transport"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Queue from "effect/Queue"
import { firstOf } from "./effect.js"

/** The number of unsent bytes (or characters, for text) from which on a `send` waits. */
const highWaterMark = 65_536

/** The longest that a close waits for the peer's close. Real time, because the peer has no other. */
const lingerMillis = 1_000

/** The same for a connection whose place a borrower may be waiting for. */
const quickLingerMillis = 50

type Outgoing = Uint8Array | string | Socket.CloseEvent

export class PlatformTransport implements Transport {
  readonly localAddress: Address
  readonly remoteAddress: Address
  isOpen = true
  isFull = false
  private receiver!: Receiver
  private unsent = 0
  private heldBytes = 0
  private held: Array<Uint8Array> = []
  private isHeld = false
  private hasShutDown = false
  private readonly outgoing = Effect.runSync(Queue.unbounded<Outgoing>())
  private readonly onFlushed: Array<() => void> = []
  /** Completes when the socket must stop. */
  private readonly over = Deferred.unsafeMake<void>(FiberId.none)
  private hasEnded = false
  private readonly onEnded: Array<() => void> = []

  constructor(
    readonly address: string,
    /** The most bytes that may wait to be read. A platform socket cannot hold its peer back. */
    private readonly maxUnread: number
  ) {
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
    Effect.scoped(Effect.gen(this, function*() {
      const write = yield* socket.writer
      const sending = Effect.forever(Effect.flatMap(Queue.take(this.outgoing), (data) =>
        Effect.andThen(
          write(data),
          Effect.sync(() => this.noteSent(data))
        )))
      const receiving = socket.run((chunk) => this.receive(chunk), { onOpen: opened })
      yield* firstOf(firstOf(receiving, sending), Deferred.await(this.over))
    })).pipe(
      Effect.onExit((exit) => Effect.sync(() => this.end(exit)))
    )

  private receive(chunk: Uint8Array): void {
    if (!this.isHeld) return this.receiver.data(chunk)
    this.held.push(chunk)
    this.heldBytes += chunk.length
    if (this.heldBytes > this.maxUnread) this.fail({ reason: "Reset", code: "ENOBUFS" })
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

  private fail(failure: Failure): void {
    this.receiver.failed(failure)
    this.isOpen = false
    Deferred.unsafeDone(this.over, Exit.void)
  }

  // --- Sending ------------------------------------------------------------------------------------------------------

  readonly write = (data: Uint8Array | string): boolean => {
    if (!this.isOpen || this.hasShutDown) return true
    this.unsent += data.length
    Queue.unsafeOffer(this.outgoing, data)
    this.isFull = this.unsent >= highWaterMark
    return !this.isFull
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

  readonly hold = (back: boolean): void => {
    this.isHeld = back
    while (!this.isHeld && this.held.length > 0) {
      const chunk = this.held.shift()!
      this.heldBytes -= chunk.length
      this.receiver.data(chunk)
    }
  }

  get hasUnread(): boolean {
    return this.heldBytes > 0
  }

  // --- The end ------------------------------------------------------------------------------------------------------

  /** Closes the socket: a platform socket cannot end one direction only. */
  readonly shutdown = (): void => {
    if (this.hasShutDown || !this.isOpen) return
    this.hasShutDown = true
    Queue.unsafeOffer(this.outgoing, new Socket.CloseEvent(1000))
  }

  readonly close = (how: "Orderly" | "Quickly" | "AtOnce", done: () => void): void => {
    if (this.hasEnded) return done()
    const giveUp = () => Deferred.unsafeDone(this.over, Exit.void)
    const timer = how === "AtOnce" ?
      undefined :
      setTimeout(giveUp, how === "Quickly" ? quickLingerMillis : lingerMillis)
    this.onEnded.push(() => {
      clearTimeout(timer)
      done()
    })
    if (how === "AtOnce") giveUp()
    else this.shutdown()
  }
}

const failureOf = (cause: Cause.Cause<Socket.SocketError>): Failure => {
  const error = Cause.failureOption(cause)
  if (error._tag === "Some" && error.value.reason === "Close") {
    return { reason: "Reset", code: String(error.value.code) }
  }
  return { reason: "Reset" }
}
