/** The delays of the background fill after a failed open. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import { type Fiber, steps, stop } from "./effect/fiber.js"
import { defaultRetry } from "./options.js"
import type { PoolRuntime } from "./runtime.js"

/** A minute without a failure, not counting the waits, is a recovery: the backoff starts from the beginning. */
const recoveryMillis = 60_000

/** A schedule and its present step. */
class Steps<In> {
  private step: ((input: In) => Effect.Effect<unknown, unknown>) | undefined = undefined

  constructor(private readonly schedule: Schedule.Schedule<unknown, In>) {}

  /** Waits for the next step. Fails when the schedule has ended. */
  next(input: In): Effect.Effect<unknown, unknown> {
    return Effect.flatMap(
      this.step === undefined ? steps(this.schedule) : Effect.succeed(this.step),
      (step) => {
        this.step = step
        return step(input)
      }
    )
  }

  restart(): void {
    this.step = undefined
  }
}

/**
 * Steps through the user's `retry` schedule, which sees the connector's errors. A failure without such an error (an
 * open that timed out or died, a connection that was lost before its first use) steps through the default schedule.
 */
export class Refill<E> {
  private fiber: Fiber<unknown, unknown> | undefined = undefined
  private readonly onError: Steps<E>
  private readonly onOther = new Steps<unknown>(defaultRetry)
  private lastTry = -Infinity

  constructor(
    private readonly runtime: PoolRuntime,
    retry: Schedule.Schedule<unknown, E>,
    private readonly probe: () => void
  ) {
    this.onError = new Steps(retry)
  }

  /** Waits for the schedule's next step and then lets the pool try again, unless it waits already. */
  backOff(error: Option.Option<E>): void {
    if (this.fiber !== undefined) return
    const now = this.runtime.now()
    if (now - this.lastTry >= recoveryMillis) this.recovered()
    this.lastTry = now
    const step = Option.isSome(error) ? this.onError.next(error.value) : this.onOther.next(undefined)
    const fiber: Fiber<void, never> = this.runtime.forkQuietly(
      Effect.matchCauseEffect(step, {
        onSuccess: () => Effect.sync(() => this.wake(fiber)),
        onFailure: (cause) =>
          Effect.sync(() =>
            this.runtime.warn("the retry schedule ended; minConnections is filled again once an open succeeds", cause)
          )
      })
    )
    this.fiber = fiber
  }

  /** Stops waiting. A schedule that has ended stays ended until the pool recovers. */
  stop(): void {
    if (this.fiber === undefined) return
    const fiber = this.fiber
    this.fiber = undefined
    stop(fiber)
  }

  /** A connection has served: the next failure starts the backoff from the beginning. */
  recovered(): void {
    this.onError.restart()
    this.onOther.restart()
  }

  private wake(fiber: Fiber<unknown, unknown>): void {
    if (this.fiber !== fiber) return
    this.fiber = undefined
    this.lastTry = this.runtime.now()
    this.probe()
  }
}
