/**
 * One connection that many requests share.
 *
 * Requests wait in `unsent`. The writer takes all that may be in flight, in order, and sends them at once. The reader's
 * decoder hands each message to its request as soon as it has come; it wakes up nobody else. A request that nobody waits
 * for any more leaves a tombstone in its place until its response has come: so the next response still finds the next
 * request.
 */
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Address, Connection } from "../../Connection.js"
import { ConnectionError } from "../../ConnectionError.js"
import { type Decoder, Malformed, TooLarge } from "../../Decoder.js"
import type { FramingError } from "../../Framing.js"
import { Alarm } from "../alarm.js"
import { async, type Fiber, firstError, stop } from "../effect/fiber.js"
import { Hub } from "../hub.js"
import { List } from "../list.js"
import type { PoolRuntime } from "../runtime.js"
import { addressOf } from "./address.js"
import { Batch, printable, shown, shownBytes } from "./bytes.js"
import { encodeAsked, type Encoded, encodeTold } from "./encoding.js"
import { type Entry, Tombstone } from "./entry.js"
import type { Figures } from "./figures.js"
import * as Pending from "./pending.js"
import type { Rules } from "./rules.js"

export interface Limits {
  readonly maxInFlight: number
  readonly maxAbandoned: number
  /** In milliseconds. */
  readonly stallTimeout: number
}

type Reason = ConnectionError["reason"]

/** The reason why a session can do nothing any more. */
interface End {
  readonly reason: Reason
  readonly operation: "read" | "write"
  readonly code?: string
  readonly received?: string
}

/**
 * The most bytes, or characters, that the writer hands over at once. A peer that does not read holds back the others.
 */
const batchBytes = 65_536

/** The pushes kept for a slow subscriber, which loses the oldest. */
const keptPushes = 1_024

const unlimited = { timeout: Duration.infinity }

export class SessionCore {
  readonly pending: Pending.Pending
  readonly pushes: Hub<unknown>
  /** Requests that have been sent and whose askers wait. */
  inFlight = 0
  /** Requests that have been sent and whose askers have gone. */
  abandoned = 0
  /** Whether a response has come. */
  hasServed = false
  /** Whether a borrower has left the peer in a state that others must not meet. */
  isDiscarded = false
  /** Hears of each push before the subscribers do. */
  onPush: ((push: unknown) => void) | undefined = undefined
  private readonly unsent = new List<Entry>()
  /** The entries of the batch that is being sent, for which no response will come. */
  private told: Array<Entry> = []
  private ended: End | undefined = undefined
  private whenEnded: ((reason: Reason) => void) | undefined = undefined
  private readonly onClosed = new Set<() => void>()
  private wakeWriter: (() => void) | undefined = undefined
  /** The moment at which the last bytes came, or the first request was sent after none was in flight. */
  private heardAt = 0
  private readonly stalls: Alarm
  /** The longest silence of the peer that is allowed now, in milliseconds: the most that a request in flight allows. */
  private silence: number
  /** Whether the alarm may sleep until a later moment than the next deadline. */
  private isDeadlineSooner = false
  private readonly fibers: ReadonlyArray<Fiber<unknown, unknown>>

  constructor(
    private readonly rules: Rules,
    private readonly connection: Connection,
    private readonly limits: Limits,
    private readonly runtime: PoolRuntime,
    readonly figures: Figures
  ) {
    this.silence = limits.stallTimeout
    this.pending = Pending.make(rules)
    this.pushes = new Hub(runtime, keptPushes, () => false, () => this.ended !== undefined)
    this.stalls = new Alarm(
      runtime,
      () => this.awaits && this.ended === undefined ? this.heardAt + this.silence : undefined,
      () => this.stalled()
    )
    const endWith = (operation: "read" | "write") => (cause: Cause.Cause<ConnectionError>) =>
      this.failed(operation, cause)
    this.fibers = [
      runtime.fork(Effect.matchCause(this.reading(), { onFailure: endWith("read"), onSuccess: () => {} })),
      runtime.fork(Effect.matchCause(this.writing(), { onFailure: endWith("write"), onSuccess: () => {} }))
    ]
  }

  /** Whether a response is still to come. */
  private get awaits(): boolean {
    return this.inFlight + this.abandoned > 0
  }

  get isUsable(): boolean {
    return this.ended === undefined && this.connection.isConnected
  }

  /** Whether it may serve further borrowers. */
  get isLendable(): boolean {
    return !this.isDiscarded && this.isUsable
  }

  get remoteAddress(): Address {
    return this.connection.remoteAddress
  }

  // --- Asking -------------------------------------------------------------------------------------------------------

  /** Makes a request ready, or returns the reason why it cannot be sent. Nothing answers one that is told. */
  encode(request: unknown, isTold: boolean): Encoded | FramingError {
    return isTold ? encodeTold(this.rules, request) : encodeAsked(this.rules, this.pending, request)
  }

  /** Puts a request at the end of the queue. */
  enqueue(entry: Entry): void {
    if (!this.isUsable) {
      if (this.ended === undefined) this.condemn({ reason: "EndOfStream", operation: "write" })
      this.pending.release(entry.tag)
      return entry.done(Exit.fail(this.error("No")))
    }
    this.unsent.push(entry)
    this.figures.requests++
    this.wake()
  }

  /** An asker stops waiting. Returns whether the bytes of its request may have reached the peer. */
  abandon(entry: Entry): "No" | "Maybe" {
    if (this.unsent.remove(entry) || entry.bytes !== undefined) {
      this.pending.release(entry.tag)
      return "No"
    }
    if (entry.left > 0 && this.ended === undefined) {
      const tombstone = new Tombstone(entry)
      this.pending.replace(entry, tombstone)
      this.inFlight--
      this.abandoned++
      this.figures.abandoned++
      if (this.abandoned > this.limits.maxAbandoned) this.condemn({ reason: "Closed", operation: "read" })
      else this.wake()
    }
    return "Maybe"
  }

  private wake(): void {
    const { wakeWriter } = this
    if (wakeWriter === undefined || !this.canSend) return
    this.wakeWriter = undefined
    wakeWriter()
  }

  private get canSend(): boolean {
    const first = this.unsent.head
    return first !== undefined && (first.left === 0 || this.inFlight < this.limits.maxInFlight)
  }

  // --- Writing ------------------------------------------------------------------------------------------------------

  private writing(): Effect.Effect<never, ConnectionError> {
    return Effect.suspend(() => {
      const batch = this.takeBatch()
      if (batch === undefined) return Effect.flatMap(this.work, () => this.writing())
      return Effect.flatMap(this.connection.send(batch, unlimited), () => {
        for (const entry of this.told.splice(0)) entry.done(Exit.void)
        return this.writing()
      })
    })
  }

  /** Completes when there is something to send. */
  private get work(): Effect.Effect<void> {
    return async((resume) => {
      if (this.canSend) resume(Effect.void)
      else this.wakeWriter = () => resume(Effect.void)
    })
  }

  /** Takes the requests that may be sent now. From here on each has its place among those that await a response. */
  private takeBatch(): Uint8Array | string | undefined {
    if (!this.canSend) return undefined
    const now = this.runtime.now()
    if (!this.awaits) this.heardAt = now
    const batch = new Batch()
    do {
      const entry = this.unsent.shift()!
      batch.add(entry.bytes!)
      entry.bytes = undefined
      if (entry.left === 0) {
        this.told.push(entry)
      } else {
        entry.sentAt = now
        if (entry.silence > this.silence) this.silence = entry.silence
        this.inFlight++
        this.pending.add(entry)
      }
    } while (batch.size < batchBytes && this.canSend)
    if (this.isDeadlineSooner && this.awaits) {
      this.isDeadlineSooner = false
      this.stalls.refresh()
    } else if (this.awaits) {
      this.stalls.refreshSome()
    }
    return batch.whole
  }

  // --- Reading ------------------------------------------------------------------------------------------------------

  private reading(): Effect.Effect<never, ConnectionError> {
    // Its frame never ends: messages are handed out while it looks for one.
    return this.connection.recvFrame<never>(() => this.dispatcher, unlimited)
  }

  private get dispatcher(): Decoder<never> {
    const { framing } = this.rules
    let decoder: Decoder<unknown> = framing.decoder()
    return {
      decode: (bytes) => {
        if (bytes.length === 0) return undefined
        const now = this.runtime.now()
        this.heardAt = now
        while (this.ended === undefined) {
          const message = decoder.decode(bytes)
          if (message === undefined) return undefined
          if (message === TooLarge || message === Malformed) {
            return this.unreadable(message, printable(bytes.copy(0, Math.min(bytes.length, shownBytes))))
          }
          decoder = framing.decoder()
          if (!this.receive(message, now)) {
            return this.unreadable(Malformed, shown(message))
          }
        }
        return Malformed
      }
    }
  }

  private unreadable(why: TooLarge | Malformed, received: string | undefined): TooLarge | Malformed {
    const reason = why === TooLarge ? "TooLarge" : "Desync"
    this.condemn({ reason, operation: "read", ...(received === undefined ? {} : { received }) })
    return why
  }

  /** Hands a message to the request that it answers. Returns whether anybody had asked for it. */
  private receive(message: unknown, now: number): boolean {
    const place = this.pending.placeOf(message)
    if (place === undefined) return false
    if (place instanceof Pending.Pushed) {
      this.onPush?.(place.push)
      this.pushes.publish(place.push)
      return true
    }
    const entry = place
    if (entry.left > 1 || entry.collected !== undefined) {
      const collected = entry.collected ??= []
      collected.push(message)
      if (--entry.left > 0) return true
    }
    entry.left = 0
    this.pending.remove(entry)
    if (entry instanceof Tombstone) {
      this.abandoned--
    } else {
      this.inFlight--
      this.hasServed = true
      this.figures.roundTrips.record(now - entry.sentAt)
      entry.done(Exit.succeed(entry.collected ?? message))
    }
    if (this.silence > this.limits.stallTimeout && !this.awaits) {
      this.silence = this.limits.stallTimeout
      this.isDeadlineSooner = true
    }
    this.wake()
    return true
  }

  // --- The end ------------------------------------------------------------------------------------------------------

  private stalled(): void {
    if (this.runtime.now() < this.heardAt + this.silence) return
    this.figures.stalls++
    this.condemn({ reason: "Timeout", operation: "read" })
  }

  private failed(operation: "read" | "write", cause: Cause.Cause<ConnectionError>): void {
    if (this.ended !== undefined) return
    const error = firstError(cause)
    if (error._tag === "Some") {
      const { code, reason } = error.value
      return this.condemn({ reason, operation, ...(code === undefined ? {} : { code }) })
    }
    // A decoder, or another function of the protocol, has thrown: nobody can read on.
    this.condemn({ reason: "Desync", operation }, cause as Cause.Cause<never>)
  }

  /** Nothing more can be asked. Those who wait hear of it at once. */
  condemn(end: End, defect?: Cause.Cause<never>): void {
    if (this.ended !== undefined) return
    this.ended = end
    // The pool hears of it before the borrowers that give their leases back.
    this.whenEnded?.(end.reason)
    const fail = (entries: Iterable<Entry>, sent: "No" | "Maybe") => {
      for (const entry of [...entries]) {
        entry.done(defect === undefined ? Exit.fail(this.error(sent)) : Exit.failCause(defect))
      }
    }
    const unsent = [...this.unsent]
    while (this.unsent.shift() !== undefined);
    fail([...this.pending.entries(), ...this.told.splice(0)], "Maybe")
    fail(unsent, "No")
    this.pending.clear()
    this.inFlight = 0
    this.abandoned = 0
    this.stalls.refresh()
    this.pushes.end()
    for (const done of this.onClosed) done()
    this.onClosed.clear()
  }

  /** The error of a request on a session that has ended. */
  error(sent: "No" | "Maybe"): ConnectionError {
    return new ConnectionError({ ...this.ended!, address: addressOf(this.connection.remoteAddress), sent })
  }

  /** The error of a request that took too long. */
  timedOut(sent: "No" | "Maybe"): ConnectionError {
    const address = addressOf(this.connection.remoteAddress)
    return new ConnectionError({ reason: "Timeout", operation: sent === "No" ? "write" : "read", address, sent })
  }

  /** Tells the pool of the session. */
  onEnd(ended: (reason: Reason) => void): void {
    if (this.ended === undefined) this.whenEnded = ended
    else ended(this.ended.reason)
  }

  get closed(): Effect.Effect<void> {
    return async((resume) => {
      const done = () => resume(Effect.void)
      if (this.ended !== undefined) return done()
      this.onClosed.add(done)
      return Effect.sync(() => this.onClosed.delete(done))
    })
  }

  close(): void {
    this.condemn({ reason: "Closed", operation: "write" })
    for (const fiber of this.fibers) stop(fiber)
  }
}
