/** One process of the fleet: a pool, its load, and reports to the demo that has started it. */
import type { FleetHolder } from "@socketpool/core/Budget"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type { ConnectionPool } from "@socketpool/core/Pool"
import * as RedisBudget from "@socketpool/fleet/RedisBudget"
import type { TcpConnection } from "@socketpool/node/TcpConnection"
import * as TcpPool from "@socketpool/node/TcpPool"
import { Redis } from "@socketpool/redis/Redis"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { type Failure, runFailed } from "../failure.js"

/**
 * The variable in the environment of a process of the fleet. Its command line is that of the demo, so that it gets here
 * however the demo was started.
 */
export const variable = "SOCKETPOOL_DEMO_MEMBER"

/** The settings of a process, at its start. */
export interface Orders {
  readonly number: number
  readonly serverPort: number
  readonly redisPort: number
  readonly password: string
  /** The number of places of all processes together. */
  readonly limit: number
  /** The most connections of this one's pool. */
  readonly connections: number
  readonly borrowers: number
}

/** A later order to a process: its number of borrowers. */
export interface Command {
  readonly borrowers: number
}

/** The report of a process. */
export interface Report {
  readonly _tag: "Report"
  readonly holder: string
  readonly held: number
  readonly wanted: number
  readonly inUse: number
  /** Leases since its start. */
  readonly acquired: number
  readonly failed: number
  /** The last figures of all processes that it has from the store. */
  readonly holders: ReadonlyArray<FleetHolder>
  readonly isLost: boolean
}

/** The time for which a silent process keeps its places. */
const ttl = "3 seconds"
/** The time for which the places of a process that has died are withheld, in milliseconds. */
export const withheldMillis = 1_000
/** The interval of a process's reports. */
const reportSchedule = Schedule.spaced("100 millis")

/** The orders of this process, if it is one of the fleet. */
export const ordered = (): Orders | undefined => {
  const text = process.env[variable]
  return text === undefined || process.send === undefined ? undefined : JSON.parse(text) as Orders
}

type TheirPool = ConnectionPool<TcpConnection, ConnectError>

/** Runs as many borrowers as were asked for last. */
const load = (pool: TheirPool) =>
  Effect.gen(function*() {
    const run = yield* FiberSet.makeRuntime<never>()
    const running = new Set<number>()
    let wanted = 0
    const request = pool.use((connection) =>
      Effect.andThen(connection.send("hello\n"), connection.recvUntil("\n", { maxBytes: 64 }))
    )
    const borrower = (index: number) =>
      Effect.whileLoop({
        while: () => index < wanted,
        body: () => Effect.andThen(Effect.ignore(request), Effect.sleep("2 millis")),
        step: () => {}
      }).pipe(Effect.ensuring(Effect.sync(() => running.delete(index))))
    return (borrowers: number) => {
      wanted = borrowers
      for (let index = 0; index < wanted; index++) {
        if (running.has(index)) continue
        running.add(index)
        run(borrower(index))
      }
    }
  })

const reports = (
  budget: Effect.Effect.Success<ReturnType<typeof RedisBudget.make>>,
  pool: TheirPool
) =>
  Effect.zipWith(budget.usage, pool.stats, ({ fleet, held, wanted }, stats) => {
    const report: Report = {
      _tag: "Report",
      holder: fleet!.holder,
      held,
      wanted,
      inUse: stats.inUse,
      acquired: stats.acquired,
      failed: Object.values(stats.failed).reduce((sum, count) => sum + count, 0),
      holders: fleet!.holders,
      isLost: fleet!.isLost
    }
    // It fails once nobody listens any more.
    process.send?.(report, () => {})
  })

/** Ends this process as soon as the demo has ended, however that came. */
const endWithDemo = Effect.sync(() => {
  process.on("disconnect", () => process.exit())
  if (!process.connected) process.exit()
})

/** Runs until the demo ends this process. */
export const run = (
  { borrowers, connections, limit, number, password, redisPort, serverPort }: Orders
): Effect.Effect<never, Failure, Scope.Scope> =>
  Effect.gen(function*() {
    yield* endWithDemo
    const client = yield* Redis.make({
      host: "127.0.0.1",
      port: redisPort,
      password: Redacted.make(password)
    })
    const budget = yield* Effect.mapError(
      RedisBudget.make({
        client,
        name: "demo",
        holder: `process-${number}:${process.pid}`,
        maxConnections: limit,
        ttl,
        reclaimDelay: withheldMillis,
        warmStart: true
      }),
      ({ message }) => runFailed(message)
    )
    const pool = yield* TcpPool.make({
      host: "127.0.0.1",
      port: serverPort,
      name: `process-${number}`,
      maxConnections: connections,
      acquireTimeout: "1 minute",
      timeout: "5 seconds",
      budget
    })
    const setBorrowers = yield* load(pool)
    setBorrowers(borrowers)
    process.on("message", ({ borrowers }: Command) => setBorrowers(borrowers))
    return yield* Effect.andThen(Effect.repeat(reports(budget, pool), reportSchedule), Effect.never)
  })
