/** How long the background fill waits after a setback. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { type Host, stop } from "./host.js"
import { defaultRetry } from "./options.js"

/** A minute in which nothing was set back, not counting the waits, is a recovery: the backoff starts anew. */
const calm = 60_000

/**
 * Steps through the user's `retry` schedule, which sees the connector's errors; a setback without such an error (an
 * open that timed out or died, a connection that was lost before its first use) steps through the default schedule.
 */
export class Refill<E> {
  private fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined = undefined
  private onError: Schedule.ScheduleDriver<unknown, E> | undefined = undefined
  private onOther: Schedule.ScheduleDriver<unknown> | undefined = undefined
  private lastTry = -Infinity

  constructor(
    private readonly host: Host,
    private readonly retry: Schedule.Schedule<unknown, E>,
    private readonly probe: () => void
  ) {}

  /** Waits for the schedule's next step and then lets the pool try again, unless such a wait is on already. */
  backOff(error: Option.Option<E>): void {
    if (this.fiber !== undefined) return
    const now = this.host.now()
    if (now - this.lastTry >= calm) this.recovered()
    this.lastTry = now
    const fiber: Fiber.RuntimeFiber<void> = this.host.fork(
      Effect.matchCauseEffect(Option.isSome(error) ? this.nextOnError(error.value) : this.nextOnOther, {
        onSuccess: () => Effect.sync(() => this.wake(fiber)),
        onFailure: (cause) =>
          Effect.sync(() => this.host.report("the retry schedule ended; the next open starts it anew", cause))
      })
    )
    this.fiber = fiber
  }

  /** Gives up waiting. A schedule that has ended stays ended until the pool recovers. */
  stop(): void {
    if (this.fiber === undefined) return
    const fiber = this.fiber
    this.fiber = undefined
    stop(fiber)
  }

  /** A connection has served: the next setback starts the backoff anew. */
  recovered(): void {
    this.onError = undefined
    this.onOther = undefined
  }

  private wake(fiber: Fiber.RuntimeFiber<unknown, unknown>): void {
    if (this.fiber !== fiber) return
    this.fiber = undefined
    this.lastTry = this.host.now()
    this.probe()
  }

  private nextOnError(error: E): Effect.Effect<unknown, unknown> {
    return Effect.flatMap(
      this.onError === undefined ? Schedule.driver(this.retry) : Effect.succeed(this.onError),
      (driver) => {
        this.onError = driver
        return driver.next(error)
      }
    )
  }

  private readonly nextOnOther: Effect.Effect<unknown, unknown> = Effect.suspend(() =>
    Effect.flatMap(
      this.onOther === undefined ? Schedule.driver(defaultRetry) : Effect.succeed(this.onOther),
      (driver) => {
        this.onOther = driver
        return driver.next(undefined)
      }
    )
  )
}
