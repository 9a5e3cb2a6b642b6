/** The live view: redraws the line for as long as it is left to run. */
import { Pool } from "@socketpool/core"
import { Clock, Effect, Schedule } from "effect"
import { liveLine } from "./liveLine.js"
import type { Meter } from "./meter.js"
import type { Screen } from "./screen.js"

/** Shows what the pool does, ten times a second where the line can be rewritten, once a second elsewhere. */
export const watch = (screen: Screen, meter: Meter, isDown: () => boolean) =>
  Effect.gen(function*() {
    const startedAt = yield* Clock.currentTimeMillis
    const draw = Effect.gen(function*() {
      const stats = yield* Pool.stats
      const elapsedMillis = (yield* Clock.currentTimeMillis) - startedAt
      const { failed, recentWaits: waits, served } = meter
      screen.show(liveLine({ elapsedMillis, stats, served, failed, waits }, screen.width), isDown() ? "red" : "plain")
    })
    const tick = Effect.sync(() => meter.tick())
    const everySecond = Schedule.spaced("1 second")
    if (!screen.rewrites) return yield* Effect.schedule(Effect.andThen(tick, draw), everySecond)
    yield* Effect.forkScoped(Effect.schedule(tick, everySecond))
    yield* Effect.repeat(draw, Schedule.spaced("100 millis"))
  }).pipe(Effect.scoped, Effect.ensuring(Effect.sync(() => screen.keep())))
