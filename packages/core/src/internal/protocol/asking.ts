/** A request of one fiber: it waits for its response, and leaves a tombstone if it cannot. */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ConnectionError } from "../../ConnectionError.js"
import { type Holder, parkIn } from "../effect/fiber.js"
import { Continuation, type Guard } from "../interruption.js"
import { Timer } from "../transport/deadlines.js"
import type { Encoded } from "./encoding.js"
import { Entry } from "./entry.js"
import type { SessionCore } from "./session.js"

/** The place of a fiber's request in its session. */
class AskingEntry<A> extends Entry {
  constructor({ bytes, replies, silence, tag }: Encoded, private readonly asking: Asking<A>) {
    super(bytes, replies, tag, silence)
  }

  done(exit: Exit.Exit<A, ConnectionError>): void {
    this.asking.end(exit)
  }
}

export class Asking<A> extends Continuation<A, ConnectionError, A, ConnectionError, never> {
  private readonly entry: Entry
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
    this.entry = new AskingEntry(encoded, this)
  }

  run(guard: Guard): Effect.Effect<A, ConnectionError> {
    return guard.run(awaited<A>, this, this)
  }

  wait(resume: (exit: Exit.Exit<A, ConnectionError>) => void): void {
    this.resume = resume
    this.session.enqueue(this.entry)
    if (this.exit === undefined && this.timeout !== Infinity) this.timer = new Timer(this.fiber, this.timeout, this)
  }

  end(exit: Exit.Exit<A, ConnectionError>): void {
    this.exit = exit
    this.timer?.stop()
    this.resume!(exit)
  }

  tooLate(): void {
    if (this.exit !== undefined) return
    this.wasLate = true
    this.end(Exit.fail(this.session.timedOut(this.session.abandon(this.entry))))
  }

  onFailure(cause: Cause.Cause<ConnectionError>): Effect.Effect<A, ConnectionError> {
    // An interrupt, before the response has come.
    if (this.exit === undefined) {
      this.timer?.stop()
      this.session.abandon(this.entry)
    }
    return Exit.failCause(cause)
  }

  onSuccess(): Effect.Effect<A, ConnectionError> {
    return this.exit!
  }
}

const awaited = <A>(asking: Asking<A>): Effect.Effect<A, ConnectionError> =>
  parkIn(asking.fiber, (resume) => asking.wait(resume))
