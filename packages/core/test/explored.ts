// Scenarios for a pool whose user is interrupted at every runtime step.
import { type ConnectionPool, Overload, Pool } from "@socketpool/core"
import { exitOf, fork, provideScope, type RunningFiber, yieldNow } from "@socketpool/test-seam"
import { expect } from "@socketpool/test-seam/virtual"
import { Interruptions, ScriptedConnector } from "@socketpool/testing"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"

export type Connection = ScriptedConnector.ScriptedConnection
type Connector = ScriptedConnector.ScriptedConnector
type TestPool = ConnectionPool<Connection, ScriptedConnector.ScriptedOpenError>

export interface World {
  readonly connector: Connector
  readonly pool: TestPool
  /** The faults of one run. Each scenario adds to them. */
  readonly problems: Array<string>
  /** Holds a connection for a few steps, or while it works, and notices if too many others hold it too. */
  readonly hold: (connection: Connection, work?: Effect.Effect<void>) => Effect.Effect<number>
  /** Holds a connection for a few steps and notices if anybody else holds it too. */
  readonly holdAlone: (connection: Connection) => Effect.Effect<number>
}

export const makeWorld = (
  maxConnections: number,
  script: Parameters<typeof ScriptedConnector.make>[0] = {},
  concurrency = 1,
  overload: Overload.Overload = Overload.fifo
): Effect.Effect<World> =>
  Effect.gen(function*() {
    const connector = ScriptedConnector.make(script)
    // Nothing closes this scope: `examine` closes the pool, and also has to end if the pool has lost a connection.
    const scope = yield* Scope.make()
    const pool = yield* provideScope(Pool.make({ open: connector.open, maxConnections, concurrency, overload }), scope)
    const problems: Array<string> = []
    const taken = new Map<Connection, number>()
    const hold = (connection: Connection, places: number, work: Effect.Effect<void>) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const holders = (taken.get(connection) ?? 0) + places
          if (holders > concurrency) problems.push(`connection ${connection.id} has two holders`)
          if (!connection.alive) problems.push(`connection ${connection.id} was lent although it is closed`)
          taken.set(connection, holders)
        }),
        () => Effect.as(work, connection.id),
        () => Effect.sync(() => taken.set(connection, taken.get(connection)! - places))
      )
    return {
      connector,
      pool,
      problems,
      hold: (connection, work = yieldNow) => hold(connection, 1, work),
      holdAlone: (connection) => hold(connection, concurrency, yieldNow)
    }
  })

export const statsOf = (world: World) => Effect.runSync(world.pool.stats)

/** Without a floor, a pool is ready until it begins to close. */
export const isRunning = (world: World): boolean => Exit.isSuccess(Effect.runSyncExit(world.pool.awaitReady))

/** Lets everything that can run do so. */
export const settle = (done: () => boolean) =>
  Effect.gen(function*() {
    for (let i = 0; i < 200 && !done(); i++) yield* Effect.promise(() => new Promise((next) => setImmediate(next)))
    return done()
  })

/** After the subject has ended: nothing leased, nothing waiting, everything there can be lent again, and it closes. */
const examine = (world: World) =>
  Effect.gen(function*() {
    const { connector, pool, problems } = world
    const quiet = yield* settle(() => {
      const { closing, inUse, opening, pending } = statsOf(world)
      return pending + opening + closing + inUse === 0
    })
    const stats = yield* pool.stats
    if (!quiet) problems.push(`it does not come to rest: ${JSON.stringify(stats)}`)
    problems.push(...connector.audit(stats))
    if (isRunning(world)) {
      const again = yield* Effect.forEach(
        Array.from({ length: stats.maxConnections }),
        // A scripted failure that the subject did not live to see is met here.
        () => Effect.exit(Effect.retry(pool.acquireWith({ timeout: "1 second" }), { times: 1 })),
        { concurrency: "unbounded" }
      ).pipe(fork)
      if (!(yield* settle(() => exitOf(again) !== undefined))) {
        problems.push(`it cannot lend ${stats.maxConnections} again: ${JSON.stringify(yield* pool.stats)}`)
        yield* Fiber.interrupt(again)
      } else {
        for (const exit of yield* Fiber.join(again)) {
          if (Exit.isSuccess(exit)) yield* Effect.ignore(pool.release(exit.value))
          else problems.push(`it cannot lend again: ${String(exit.cause)}`)
        }
      }
    }
    const closing = yield* fork(pool.close)
    if (!(yield* settle(() => exitOf(closing) !== undefined))) problems.push("it does not close")
    if (connector.live !== 0) problems.push(`${connector.live} connections are still open after the close`)
    if (connector.closed !== connector.opened) {
      problems.push(`${connector.opened} were opened, ${connector.closed} closed`)
    }
    return problems
  })

/** Explores one scenario: `prepare` sets the stage and gives the effect to be interrupted and what comes after. */
export const explored = (
  world: Effect.Effect<World>,
  scenario: (world: World) => Effect.Effect<{
    readonly subject: Effect.Effect<unknown, unknown>
    readonly meanwhile?: Effect.Effect<unknown>
    readonly afterwards?: Effect.Effect<unknown>
  }>
) =>
  Interruptions.explore((forkSubject) =>
    Effect.gen(function*() {
      const here = yield* world
      const { afterwards, meanwhile, subject } = yield* scenario(here)
      const fiber = yield* forkSubject(subject)
      if (meanwhile !== undefined) yield* meanwhile
      if (!(yield* settle(() => exitOf(fiber) !== undefined))) here.problems.push("the subject never ends")
      if (afterwards !== undefined) yield* afterwards
      return yield* examine(here)
    })
  )

export const expectHarmless = (report: Interruptions.Report, atLeast: number) => {
  expect(report.violations).toEqual([])
  // A program that takes fewer steps than it must has not been explored.
  expect(report.steps).toBeGreaterThanOrEqual(atLeast)
}

export const warm = (world: World) => Effect.orDie(world.pool.use(() => Effect.void))

/** Somebody has the only connection and gives it back when told to; others wait behind the subject. */
export const busy = (world: World) =>
  Effect.gen(function*() {
    const go = yield* Deferred.make<void>()
    const holder = yield* fork(
      world.pool.use((connection) => world.hold(connection, Effect.andThen(Deferred.await(go), yieldNow)))
    )
    yield* settle(() => statsOf(world).inUse === 1)
    const behind: Array<RunningFiber<number, unknown>> = []
    return {
      meanwhile: Effect.gen(function*() {
        yield* yieldNow
        behind.push(yield* fork(world.pool.use(world.hold)))
        yield* settle(() => statsOf(world).pending > 0)
        yield* Deferred.succeed(go, undefined)
      }),
      afterwards: Effect.gen(function*() {
        yield* Fiber.await(holder)
        for (const fiber of behind) {
          if (!(yield* settle(() => exitOf(fiber) !== undefined))) {
            world.problems.push("the waiter behind the subject was never served")
            yield* Fiber.interrupt(fiber)
          }
        }
      })
    }
  })
