/**
 * A transport with pulled reads and one holder at a time.
 *
 * A session is held or idle. While it is held, bytes that come before they are asked for are kept, and the peer is held
 * back. While it is idle the peer is never held back, and a byte, an end or an error ends the session. (One unread byte
 * in a paused socket would hide even the peer's FIN.)
 */
import * as Effect from "effect/Effect"
import { ConnectionError } from "../../ConnectionError.js"
import type { Failure, Transport, Unreadable } from "../../Transport.js"
import { async } from "../effect/fiber.js"
import { ReadQueue } from "./readQueue.js"
import { WriteQueue } from "./writeQueue.js"

export class Session<T extends Transport = Transport, C = unknown> {
  readonly reads: ReadQueue
  readonly writes: WriteQueue
  /** The connection that may use it now. */
  holder: C | undefined = undefined
  private failure: Failure | undefined = undefined
  /** Whether data was sent after the last read, so that an answer may be on its way. */
  awaitsAnswer = false
  /** Whether anything was read, since the pool last set this to `false`. */
  hasRead = false
  /** Whether it belongs to a pool, or is being made ready for one. */
  isShared = false
  private idle = false
  /** Whether something was left half done on it, so that nobody can tell whose the next bytes are. */
  private isDirty = false
  /** Whether one of its halves has ended. */
  private isSpent = false
  private ending = false
  private hasClosed = false
  // Made when somebody waits: most sessions are only lent and returned.
  private onClosed: Set<() => void> | undefined = undefined
  private onFailed: ((reason: Failure["reason"]) => void) | undefined = undefined

  constructor(
    readonly transport: T,
    private readonly connectionFor: (session: Session<T, C>) => C,
    /** The limit of one operation, in milliseconds. */
    readonly timeout: number,
    private readonly allowHalfOpen: boolean
  ) {
    this.reads = new ReadQueue(this)
    this.writes = new WriteQueue(transport, this)
    transport.start({
      data: (chunk) => this.receive(chunk),
      ended: () => this.peerEnded(),
      drained: () => this.writes.serve(),
      failed: (failure) => this.fail(failure),
      closed: () => this.noteClosed()
    })
  }

  hold(back: boolean): void {
    this.transport.hold(back)
  }

  noteRead(): void {
    this.awaitsAnswer = false
    this.hasRead = true
  }

  noteWrite(): void {
    this.awaitsAnswer = true
  }

  private receive(chunk: Uint8Array): void {
    if (this.ending) return
    if (this.idle) return this.fail({ reason: "Desync" })
    this.reads.push(chunk)
  }

  private peerEnded(): void {
    const endOfStream = { reason: "EndOfStream" } as const
    if (!this.allowHalfOpen || this.idle || this.writes.failure !== undefined) return this.fail(endOfStream)
    this.isSpent = true
    this.reads.fail(endOfStream)
  }

  /** Ends the session. The first failure stays; bytes that came before it can still be read. */
  private fail(failure: Failure): void {
    if (this.failure !== undefined) return
    this.failure = failure
    this.reads.fail(failure)
    this.writes.fail(failure)
    this.onFailed?.(failure.reason)
    this.onFailed = undefined
  }

  private noteClosed(): void {
    this.fail({ reason: "Closed" })
    this.hasClosed = true
    for (const done of this.onClosed ?? []) done()
    this.onClosed = undefined
  }

  get isOpen(): boolean {
    return this.failure === undefined && this.transport.isOpen
  }

  /** The failure that has ended it. */
  get end(): Failure | undefined {
    return this.failure
  }

  error(operation: "read" | "write", why: Unreadable): ConnectionError {
    const into = operation === "read" && why.reason !== "Released" ? this.reads.unread : 0
    const { address } = this.transport
    return new ConnectionError({ ...why, operation, address, ...(into > 0 ? { bytesIntoFrame: into } : {}) })
  }

  // --- Between leases -----------------------------------------------------------------------------------------------

  /** Whether the last holder has left nothing behind, except perhaps output on its way. */
  get isInOrder(): boolean {
    return this.failure === undefined && !this.isDirty && !this.reads.hasReaders && this.reads.unread === 0 &&
      !this.transport.hasUnread
  }

  /** Whether it is in order, and good for another holder. */
  get isClean(): boolean {
    return this.isInOrder && !this.isSpent
  }

  /** Whether output has not been passed on yet. */
  get hasUnsent(): boolean {
    return this.writes.hasWriters || !this.transport.flushNow()
  }

  /** Marks it: it must not be lent again, and its output must not be sent any more. */
  markDirty(): void {
    this.isDirty = true
  }

  /** Ends the sending half. */
  shutdown(): void {
    this.isSpent = true
    this.transport.shutdown()
    this.writes.fail({ reason: "Closed" })
    if (this.reads.failure !== undefined) this.fail({ reason: "Closed" })
  }

  /** Makes a connection for the next holder. The last holder's can do nothing any more. */
  lend(): C {
    this.idle = false
    this.transport.setIdle?.(false)
    this.holder = this.connectionFor(this)
    return this.holder
  }

  /** Takes it from its holder. Reads and writes that still wait fail, and make it dirty. */
  revoke(): void {
    this.holder = undefined
    if (this.writes.hasWriters) this.markDirty()
    this.reads.revoke()
    this.writes.revoke()
  }

  /** Takes it from its holder; from now on any input ends it. */
  setIdle(): void {
    this.revoke()
    this.isShared = true
    this.idle = true
    this.transport.setIdle?.(true)
    this.reads.flow()
  }

  /** Whether it was left in the middle of something, while the next borrower of its pool waits for its place. */
  private get isAbandoned(): boolean {
    return this.isShared && (this.isDirty || this.failure !== undefined)
  }

  // --- Waiting ------------------------------------------------------------------------------------------------------

  /** Completes when all output so far has been passed on, or never will be. */
  get sent(): Effect.Effect<void> {
    return async((resume) => this.transport.flush(() => resume(Effect.void)))
  }

  /** Tells the pool of the session when nothing can be read or written any more. */
  whenFailed(failed: (reason: Failure["reason"]) => void): void {
    if (this.failure === undefined) this.onFailed = failed
    else failed(this.failure.reason)
  }

  /** Completes when it has closed. */
  get closed(): Effect.Effect<void> {
    return async((resume) => {
      const done = () => resume(Effect.void)
      if (this.hasClosed) return done()
      const waiting = this.onClosed ??= new Set()
      waiting.add(done)
      return Effect.sync(() => waiting.delete(done))
    })
  }

  /**
   * Closes in order, unless it holds output that must not be sent any more. Completes when it has closed. Input that
   * still arrives is dropped.
   */
  get close(): Effect.Effect<void> {
    return async((resume) => {
      this.revoke()
      const how = !this.transport.isOpen || (this.isDirty && this.hasUnsent) ?
        "AtOnce" :
        this.isAbandoned
        ? "Quickly"
        : "Orderly"
      this.ending = true
      this.fail({ reason: "Closed" })
      this.reads.clear()
      this.reads.flow()
      this.transport.close(how, () => {
        this.noteClosed()
        resume(Effect.void)
      })
    })
  }
}
