/** Kills the server under the pool, and starts it again. */
import { Clock, type Duration, Effect, Schedule } from "effect"
import type { EchoServer } from "../echoServer.js"
import type { Meter } from "./meter.js"

export interface Outage {
  /** Connections that the server had when it was killed. */
  readonly lost: number
  readonly downMillis: number
  /** From the restart to the first reply. */
  readonly healedMillis: number
}

/** Keeps the server away for a while; ends with the first reply after that. */
export const outage = (
  server: EchoServer,
  meter: Meter,
  lasting: Duration.DurationInput,
  onKilled: (lost: number) => void
): Effect.Effect<Outage> =>
  Effect.gen(function*() {
    const killedAt = yield* Clock.currentTimeMillis
    const lost = yield* server.kill
    onKilled(lost)
    yield* Effect.sleep(lasting)
    const servedBefore = meter.served
    yield* server.start
    const startedAt = yield* Clock.currentTimeMillis
    yield* Effect.repeat(Effect.sync(() => meter.served), {
      schedule: Schedule.spaced("2 millis"),
      until: (served) => served > servedBefore
    })
    const healedAt = yield* Clock.currentTimeMillis
    return { lost, downMillis: startedAt - killedAt, healedMillis: healedAt - startedAt }
  })
