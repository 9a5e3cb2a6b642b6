/**
 * A transport with pulled reads, and the one who may use it.
 *
 * It is held or idle. While it is held, bytes that come before they are asked for are kept and the peer is held back.
 * While it is idle it is never held back: a byte, an end or an error is its end. (One unread byte in a paused socket
 * would hide even the peer's FIN.)
 */
import * as Effect from "effect/Effect"
import type { Failure, Transport } from "../../Transport.js"
import { ReadQueue } from "./readQueue.js"
import { WriteQueue } from "./writeQueue.js"

export class TransportSession<T extends Transport = Transport, C = unknown> {
  readonly reads: ReadQueue
  readonly writes: WriteQueue
  /** Whoever may use it now. */
  holder: C | undefined = undefined
  private failure: Failure | undefined = undefined
  /** Whether something was sent since something was last read: then an answer may be on its way. */
  awaitsAnswer = false
  /** Whether it goes from one holder to another. */
  isShared = false
  private idle = false
  private isDirty = false
  private ending = false
  private hasClosed = false
  private readonly onClosed = new Set<() => void>()
  private readonly onFailed = new Set<() => void>()

  constructor(
    readonly transport: T,
    private readonly hand: (line: TransportSession<T, C>) => C,
    /** How long one operation may take, in milliseconds. */
    readonly timeout: number,
    private readonly allowHalfOpen: boolean
  ) {
    this.reads = new ReadQueue(
      (back) => transport.hold(back),
      () => this.markDirty(),
      () => (this.awaitsAnswer = false)
    )
    this.writes = new WriteQueue(transport, () => (this.awaitsAnswer = true))
    transport.start({
      data: (chunk) => this.receive(chunk),
      ended: () => this.peerEnded(),
      drained: () => this.writes.serve(),
      failed: (failure) => this.fail(failure),
      closed: () => this.noteClosed()
    })
  }

  private receive(chunk: Uint8Array): void {
    if (this.ending) return
    if (this.idle) return this.fail({ reason: "Desync" })
    this.reads.push(chunk)
  }

  private peerEnded(): void {
    const endOfStream = { reason: "EndOfStream" } as const
    if (!this.allowHalfOpen || this.idle || this.writes.failure !== undefined) return this.fail(endOfStream)
    this.markDirty()
    this.reads.fail(endOfStream)
  }

  /** The first failure stays. What came before it can still be read. */
  private fail(failure: Failure): void {
    if (this.failure !== undefined) return
    this.failure = failure
    this.reads.fail(failure)
    this.writes.fail(failure)
    for (const done of this.onFailed) done()
    this.onFailed.clear()
  }

  private noteClosed(): void {
    this.fail({ reason: "Closed" })
    this.hasClosed = true
    for (const done of this.onClosed) done()
    this.onClosed.clear()
  }

  get isOpen(): boolean {
    return this.failure === undefined && this.transport.isOpen
  }

  /** Why it can be used no more, once that is so. */
  get end(): Failure | undefined {
    return this.failure
  }

  // --- Between leases -----------------------------------------------------------------------------------------------

  /** Nothing of the last holder is left on it, except perhaps output on its way. */
  get isClean(): boolean {
    return this.failure === undefined && !this.isDirty && !this.reads.hasReaders && this.reads.unread === 0 &&
      !this.transport.hasUnread
  }

  /** Output that has not been passed on yet. */
  get hasUnsent(): boolean {
    return this.writes.hasWriters || !this.transport.flushNow()
  }

  /** Says that it must not be lent again. */
  markDirty(): void {
    this.isDirty = true
  }

  /** Ends the sending half. */
  shutdown(): void {
    this.markDirty()
    this.transport.shutdown()
    this.writes.fail({ reason: "Closed" })
    if (this.reads.failure !== undefined) this.fail({ reason: "Closed" })
  }

  /** Something of its own for the next holder; what the one before has can do nothing any more. */
  lend(): C {
    this.idle = false
    this.transport.setIdle?.(false)
    this.holder = this.hand(this)
    return this.holder
  }

  /** Takes it away from its holder; those who still read or write through it learn so, and their traffic spoils it. */
  revoke(): void {
    this.holder = undefined
    if (this.writes.hasWriters) this.markDirty()
    this.reads.revoke()
    this.writes.revoke()
  }

  /** From now on nobody may touch it, and whatever comes in is its end. */
  setIdle(): void {
    this.revoke()
    this.isShared = true
    this.idle = true
    this.transport.setIdle?.(true)
    this.reads.flow()
  }

  // --- Waiting ------------------------------------------------------------------------------------------------------

  /** Completes when all output so far has gone, or never will. */
  readonly sent: Effect.Effect<void> = Effect.async((resume) => this.transport.flush(() => resume(Effect.void)))

  /** Completes when nothing can be read or written any more. */
  readonly failed: Effect.Effect<Failure> = Effect.async((resume) => {
    const done = () => resume(Effect.succeed(this.failure!))
    if (this.failure !== undefined) return done()
    this.onFailed.add(done)
    return Effect.sync(() => this.onFailed.delete(done))
  })

  /** Completes when it has closed. */
  readonly closed: Effect.Effect<void> = Effect.async((resume) => {
    const done = () => resume(Effect.void)
    if (this.hasClosed) return done()
    this.onClosed.add(done)
    return Effect.sync(() => this.onClosed.delete(done))
  })

  /**
   * Closes in order, unless there is something that must not be sent any more, and completes when it has closed. What
   * still comes in is dropped.
   */
  readonly close: Effect.Effect<void> = Effect.async((resume) => {
    this.revoke()
    const orderly = this.transport.isOpen && !(this.isDirty && this.hasUnsent)
    this.ending = true
    this.fail({ reason: "Closed" })
    this.reads.clear()
    this.reads.flow()
    this.transport.close(orderly ? "Orderly" : "AtOnce", () => {
      this.noteClosed()
      resume(Effect.void)
    })
  })
}
