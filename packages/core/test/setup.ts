import { type ConnectionPool, Pool, type PoolStats } from "@socketpool/core"
import {
  clockLike,
  currentClock,
  exitOf,
  fork,
  forkDaemon,
  nanos,
  result,
  type RunningFiber,
  TestClock,
  wallMillis
} from "@socketpool/test-seam"
import { assert } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Exit } from "effect"

export type Connection = ScriptedConnector.ScriptedConnection
type OpenError = ScriptedConnector.ScriptedOpenError
export type Options = Partial<Pool.Options<Connection, OpenError>>
export type Script = Parameters<typeof ScriptedConnector.make>[0]
export type TestPool = ConnectionPool<Connection, OpenError>

/** Lets every fiber run until it waits for something. */
export const settled = TestClock.adjust(0)

/** Forks an effect and lets it run until it ends or waits for something. */
export const forkSettled = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<RunningFiber<A, E>, never, R> => Effect.tap(fork(effect), () => settled)

/** Asserts that a fiber that has come to wait ends exactly so much later. */
export const assertEndsAfter = (fiber: RunningFiber<unknown, unknown>, millis: number) =>
  Effect.gen(function*() {
    yield* TestClock.adjust(millis - 1)
    assert.isUndefined(exitOf(fiber))
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(exitOf(fiber), Exit.void)
  })

/** A connector whose opens fail at the very end, with the connection in hand. */
export const failLate = (connector: ScriptedConnector.ScriptedConnector) =>
  Effect.tap(connector.open, ({ id }) => Effect.fail(new ScriptedConnector.ScriptedOpenError({ attempt: id })))

const quiescent = (stats: PoolStats): ReadonlyArray<string> => [
  ...(stats.inUse === 0 ? [] : [`${stats.inUse} connections are still in use`]),
  ...(stats.pending === 0 ? [] : [`${stats.pending} borrowers still wait`])
]

/** Asserts that the pool's numbers add up, agree with the connector's, and that nobody holds or waits any more. */
const assertConserved = (connector: ScriptedConnector.ScriptedConnector, stats: PoolStats): void =>
  assert.deepStrictEqual([...connector.audit(stats), ...quiescent(stats)], [])

/** Asserts that a closed pool left no connection open and closed none twice. */
const assertNothingLeft = (connector: ScriptedConnector.ScriptedConnector): void =>
  assert.deepStrictEqual({ live: connector.live, closed: connector.closed }, { live: 0, closed: connector.opened })

/**
 * Makes a pool over this connector. When the test ends, conservation is asserted; when the pool has closed, that
 * nothing is left of it.
 */
export const audited = <C, E, R>(
  connector: ScriptedConnector.ScriptedConnector,
  make: Effect.Effect<ConnectionPool<C, E>, never, R>
) =>
  Effect.gen(function*() {
    yield* Effect.addFinalizer(() => Effect.sync(() => assertNothingLeft(connector)))
    const pool = yield* make
    // Work that a test leaves under way must not keep the close of its pool waiting for a clock that stands still.
    yield* Effect.addFinalizer(() => forkDaemon(TestClock.adjust("1 minute")))
    yield* Effect.addFinalizer(() => Effect.map(pool.stats, (stats) => assertConserved(connector, stats)))
    return pool
  })

/** A pool over a scripted connector, whose books are audited. */
export const setup = (options: Options = {}, script: Script = {}) => {
  const connector = ScriptedConnector.make(script)
  return Effect.map(
    audited(connector, Pool.make({ open: connector.open, ttlJitter: 0, ...options })),
    (pool: TestPool) => ({ connector, pool })
  )
}

/** The use of a borrower that only wants to know which connection it was lent. */
export const id = (connection: Connection): Effect.Effect<number> => Effect.succeed(connection.id)

/** Leases and gives back so many connections at once: as many are idle afterwards, if the pool may hold them. */
export const warmUp = (pool: TestPool, connections: number) =>
  Effect.gen(function*() {
    const leased = yield* Effect.all(Array.from({ length: connections }, () => pool.acquire), {
      concurrency: "unbounded"
    })
    yield* Effect.forEach(leased, (connection) => pool.release(connection))
  })

/** Forks this many borrowers at once. Returns the results of all of them. */
export const crowd = (pool: TestPool, borrowers: number) =>
  fork(
    Effect.all(Array.from({ length: borrowers }, () => result(pool.use(id))), { concurrency: "unbounded" })
  )

/** Forks borrowers that wait in the order of their names, and notes in what order they were served. */
export const lineUp = <N extends string>(pool: TestPool, names: ReadonlyArray<N>) =>
  Effect.gen(function*() {
    const served: Array<string> = []
    const borrowers = yield* Effect.forEach(names, (name) =>
      fork(pool.use((connection) =>
        Effect.sync(() => {
          served.push(name)
          return connection.id
        })
      )))
    yield* settled
    return { served, borrowers }
  })

/** The test's clock, which also counts how many sleep on it now. */
export const countingClock = Effect.map(currentClock, (clock) => {
  let asleep = 0
  const counting = clockLike(clock, {
    sleep: (duration) =>
      Effect.suspend(() => {
        asleep++
        return Effect.ensuring(clock.sleep(duration), Effect.sync(() => asleep--))
      })
  })
  return { clock: counting, asleep: () => asleep }
})

/** The test's clock, whose wall time can also be set forward and back. */
export const jumpingClock = Effect.map(currentClock, (clock) => {
  let ahead = 0
  const jumping = clockLike(clock, { wallMillis: () => wallMillis(clock) + ahead })
  return { clock: jumping, jump: (millis: number) => ahead += millis }
})

/** The test's clock, whose time of both kinds can go on without any sleeper noticing, as when a machine is suspended. */
export const suspendedClock = Effect.map(currentClock, (clock) => {
  let ahead = 0
  const suspended = clockLike(clock, {
    wallMillis: () => wallMillis(clock) + ahead,
    nanos: () => nanos(clock) + BigInt(ahead) * 1_000_000n
  })
  return { clock: suspended, suspend: (millis: number) => ahead += millis }
})
