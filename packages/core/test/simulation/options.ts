/** Draws a pool's options, and what its connector does. */
import { Overload } from "@socketpool/core"
import { async, yieldNow } from "@socketpool/test-seam"
import type { Rng } from "@socketpool/testing"
import { ScriptedConnector } from "@socketpool/testing"
import { Clock, Effect, Schedule } from "effect"
import type { Connection, Open } from "./target.js"

/** Everything happens on a coarse grid of time, so that much of it happens at the same moment. */
export const tick = 5

/** So many ticks, in milliseconds. */
export const ticks = (rng: Rng.Rng, least: number, most: number) => tick * rng.between(least, most)

/** `Effect.never` sets a timer, which would keep all that an abandoned run has made. */
const never = async<never>(() => {})

/** Connections answer in different ways, but each time the same. */
const drawValidate = (rng: Rng.Rng) => {
  const trouble = rng.pick([0, 0.2])
  const answers = Array.from({ length: 40 }, () =>
    rng.chance(trouble)
      ? rng.weighted<Effect.Effect<boolean, string>>([
        [2, Effect.succeed(false)],
        [1, Effect.fail("scripted failure")],
        [1, Effect.die(new Error("scripted defect"))],
        [2, never]
      ])
      : rng.weighted<Effect.Effect<boolean, string>>([
        [1, Effect.succeed(true)],
        [1, Effect.as(Effect.sleep(ticks(rng, 1, 4)), true)]
      ]))
  return (connection: Connection) => answers[connection.id % answers.length]!
}

/** None takes time, because the connector counts `closeTimeout` from the beginning of its own close. */
const drawFarewell = (rng: Rng.Rng) => {
  const words = Array.from({ length: 10 }, () =>
    rng.weighted<Effect.Effect<void, string>>([
      [2, Effect.void],
      [2, yieldNow],
      [1, Effect.fail("scripted failure")],
      [1, Effect.die(new Error("scripted defect"))]
    ]))
  return (connection: Connection) => words[connection.id % words.length]!
}

const drawOverload = (rng: Rng.Rng): Overload.Overload => {
  const options = { target: ticks(rng, 1, 2), interval: ticks(rng, 1, 2) }
  return rng.chance(0.5) ? Overload.adaptiveLifo(options) : Overload.codel(options)
}

/** `more` draws what came later, so that the seeds that once found something still mean the same. */
export const drawOptions = (rng: Rng.Rng, more: Rng.Rng) => {
  const maxConnections = rng.between(1, 4)
  const acquireTimeout = rng.weighted([[3, Infinity], [6, ticks(rng, 1, 12)], [1, 0]])
  const slowRelease = rng.chance(0.2)
  const validates = rng.chance(0.4)
  const connectionTTL = rng.weighted([[1, Infinity], [1, ticks(rng, 2, 20)]])
  const keepaliveTime = rng.weighted([[1, Infinity], [1, ticks(rng, 1, 4)]])
  const pool = {
    name: "simulated",
    maxConnections,
    minConnections: rng.chance(0.5) ? 0 : rng.between(0, maxConnections),
    initialConnections: rng.chance(0.7) ? 0 : rng.between(0, maxConnections),
    maxConnecting: rng.between(1, 4),
    maxPending: rng.weighted([[4, 10_000], [1, rng.between(0, 4)]]),
    acquireTimeout,
    connectTimeout: ticks(rng, 1, 8),
    connectionTTL,
    ttlJitter: rng.pick([0, 0.5]),
    idleTimeout: rng.weighted([[2, Infinity], [1, ticks(rng, 1, 8)]]),
    maxUses: rng.weighted([[3, Infinity], [1, rng.between(1, 4)]]),
    concurrency: rng.weighted([[4, 1], [1, rng.between(2, 3)]]),
    validateAfterIdle: ticks(rng, 0, 2),
    validateTimeout: ticks(rng, 1, 4),
    leakThreshold: rng.weighted([[2, Infinity], [1, tick]]),
    closeTimeout: ticks(rng, 1, 6),
    drainTimeout: ticks(rng, 0, 12),
    reapExpired: rng.chance(0.7),
    reapSchedule: Schedule.spaced(ticks(rng, 2, 10)),
    order: rng.pick(["lifo", "fifo"]),
    ...(rng.chance(0.5) ? {} : { isConnected: (connection: Connection) => connection.alive }),
    ...(rng.chance(0.5) ? {} : { closed: (connection: Connection) => connection.closed }),
    ...(validates ? { validate: drawValidate(rng) } : {}),
    ...(slowRelease ? { onRelease: () => Effect.as(Effect.sleep(tick), "keep" as const) } : {}),
    ...(more.chance(0.3) ? { farewell: drawFarewell(more) } : {}),
    fatalPause: ticks(more, 1, 8),
    ...(more.chance(0.2) ? { isFatal: () => true } : {}),
    ...(more.chance(0.3) ? { order: "fewest" as const } : {}),
    ...(more.chance(0.3) ? { overload: drawOverload(more) } : {}),
    ...(validates && keepaliveTime < connectionTTL ? { keepaliveTime } : {})
  } as const
  return { pool, acquireTimeout, slowRelease }
}

export type Options = ReturnType<typeof drawOptions>

/** A connector that is as good or bad as drawn, until it is told to be good. */
export const drawConnector = (rng: Rng.Rng, { pool }: Options) => {
  const trouble = rng.pick([0, 0.1, 0.5])
  let isCalm = false
  const drawOpen = (): ScriptedConnector.Behaviour =>
    rng.chance(trouble)
      ? rng.weighted<ScriptedConnector.Behaviour>([[4, "fail"], [1, "die"], [1, "never"]])
      : rng.weighted<ScriptedConnector.Behaviour>([[1, "ok"], [1, { slow: ticks(rng, 1, 10) }]])
  const drawClose = (): ScriptedConnector.Behaviour =>
    rng.chance(trouble)
      ? rng.weighted<ScriptedConnector.Behaviour>([[1, "die"], [2, "never"]])
      : rng.weighted<ScriptedConnector.Behaviour>([[2, "ok"], [1, { slow: ticks(rng, 1, 10) }]])
  const opens = Array.from({ length: 40 }, drawOpen)
  const closes = Array.from({ length: 40 }, drawClose)
  const connector = ScriptedConnector.make({
    open: (attempt) => isCalm ? "ok" : opens[attempt % opens.length]!,
    close: (id) => isCalm ? "ok" : closes[id % closes.length]!,
    closeTimeout: pool.closeTimeout
  })
  /** When each connection was opened. */
  const born = new Map<Connection, number>()
  const open: Open = Effect.zipWith(connector.open, Clock.currentTimeMillis, (connection, now) => {
    born.set(connection, now)
    return connection
  })
  return { connector, open, born, calm: Effect.sync(() => isCalm = true) }
}
