/** The sweep that closes expired idle connections, on the user's schedule. */
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import { type Fiber, hasDies, hasInterrupts, steps, stop } from "./effect/fiber.js"
import type { PoolRuntime } from "./runtime.js"

/** Runs quietly while a connection can expire. Otherwise it is parked, without a fiber or a timer. */
export class Reaper {
  private fiber: Fiber<unknown, unknown> | undefined = undefined
  private ended = false

  constructor(
    private readonly runtime: PoolRuntime,
    private readonly schedule: Schedule.Schedule<unknown>,
    private readonly sweep: () => void
  ) {}

  /** Call it whenever connections come or go. */
  refresh(canExpire: boolean): void {
    if (canExpire && this.fiber === undefined && !this.ended) this.start()
    else if (!canExpire && this.fiber !== undefined) this.stop()
  }

  private start(): void {
    const fiber = this.runtime.forkQuietly(
      Effect.flatMap(
        steps(this.schedule),
        (next) => Effect.forever(Effect.andThen(next(undefined), Effect.sync(this.sweep)))
      )
    )
    this.fiber = fiber
    fiber.addObserver((exit) => {
      if (this.fiber !== fiber) return
      // The schedule has ended or died, and would do so again.
      this.fiber = undefined
      this.ended = true
      if (exit._tag === "Success") return
      const { cause } = exit
      if (hasDies(cause) || hasInterrupts(cause)) this.runtime.warn("the reapSchedule died", cause)
    })
  }

  private stop(): void {
    const fiber = this.fiber!
    this.fiber = undefined
    stop(fiber)
  }
}
