/** A request of one fiber: it waits for its response, and leaves a tombstone if it cannot. */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ConnectionError } from "../../ConnectionError.js"
import { type Holder, parkIn } from "../effect/fiber.js"
import { Continuation, type Guard } from "../interruption.js"
import type { List } from "../list.js"
import { Timer } from "../transport/deadlines.js"
import type { Encoded } from "./encoding.js"
import type { Entry } from "./entry.js"
import type { SessionCore } from "./session.js"

export class Asking<A> extends Continuation<A, ConnectionError, A, ConnectionError, never> implements Entry {
  prev: Entry | undefined = undefined
  next: Entry | undefined = undefined
  list: List<Entry> | undefined = undefined

  bytes: Uint8Array | string | undefined
  left: number
  readonly tag: unknown
  readonly silence: number
  sentAt = 0
  collected: Array<unknown> | undefined = undefined

  private resume: ((exit: Exit.Exit<A, ConnectionError>) => void) | undefined = undefined
  protected exit: Exit.Exit<A, ConnectionError> | undefined = undefined
  private timer: Timer | undefined = undefined
  /** Whether its own time was over, as against the session's. */
  protected wasLate = false

  constructor(
    fiber: Holder,
    readonly session: SessionCore,
    encoded: Encoded,
    /** In milliseconds. */
    private readonly timeout: number
  ) {
    super(fiber)
    this.bytes = encoded.bytes
    this.left = encoded.replies
    this.tag = encoded.tag
    this.silence = encoded.silence
  }

  run(guard: Guard): Effect.Effect<A, ConnectionError> {
    return guard.run(awaited<A>, this, this)
  }

  wait(resume: (exit: Exit.Exit<A, ConnectionError>) => void): void {
    this.resume = resume
    this.session.enqueue(this)
    if (this.exit === undefined && this.timeout !== Infinity) this.timer = new Timer(this.fiber, this.timeout, this)
  }

  done(exit: Exit.Exit<any, any>): void {
    this.exit = exit
    this.timer?.stop()
    this.resume!(exit)
  }

  tooLate(): void {
    if (this.exit !== undefined) return
    this.wasLate = true
    this.done(Exit.fail(this.session.timedOut(this.session.abandon(this))))
  }

  onFailure(cause: Cause.Cause<ConnectionError>): Effect.Effect<A, ConnectionError> {
    // An interrupt, before the response has come.
    if (this.exit === undefined) {
      this.timer?.stop()
      this.session.abandon(this)
    }
    return Exit.failCause(cause)
  }

  onSuccess(): Effect.Effect<A, ConnectionError> {
    return this.exit!
  }
}

const awaited = <A>(asking: Asking<A>): Effect.Effect<A, ConnectionError> =>
  parkIn(asking.fiber, (resume) => asking.wait(resume))
