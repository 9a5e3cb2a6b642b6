// Two fibers of one pool, both interrupted, at any pair of runtime steps and with small budgets of steps. On the live
// clock: where fibers yield every few steps, sleeps that are interrupted can keep a TestClock from shutting down.
import { type ConnectionPool, Pool } from "@socketpool/core"
import { exitOf, fork, forkDaemon, provideScope, type RunningFiber, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Interruptions, ScriptedConnector } from "@socketpool/testing"
import { Effect, Exit, Scope } from "effect"
import { bySearch, isLong, seeds } from "./search.js"

type Connection = ScriptedConnector.ScriptedConnection
type TestPool = ConnectionPool<Connection, ScriptedConnector.ScriptedOpenError>

/** Lets everything that can run do so: first without waiting for timers, then for some of them, too. */
const settle = (done: () => boolean) =>
  Effect.gen(function*() {
    for (let i = 0; i < 200 && !done(); i++) yield* Effect.promise(() => new Promise((next) => setImmediate(next)))
    for (let i = 0; i < 50 && !done(); i++) yield* Effect.promise(() => new Promise((next) => setTimeout(next, 2)))
    return done()
  })

interface World {
  readonly pool: TestPool
  /** Holds a connection for a few steps and notices if too many others hold it too. */
  readonly hold: (connection: Connection) => Effect.Effect<void>
  /** The same for one who must be alone with it. */
  readonly holdAlone: (connection: Connection) => Effect.Effect<void>
}

interface Situation {
  readonly maxConnections: number
  readonly warm: boolean
  readonly concurrency?: number
  /** Whether somebody has a lease of it meanwhile. */
  readonly shared?: boolean
  readonly validate?: (connection: Connection) => Effect.Effect<boolean>
  readonly validateAfterIdle?: number
}

/** Runs the two, and asks afterwards whether the pool is as good as new, and closes. */
const examined = (
  options: Situation,
  begin: (world: World) => Effect.Effect<ReadonlyArray<RunningFiber<unknown, unknown>>>
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function*() {
    const { maxConnections, shared, warm, ...others } = options
    const problems: Array<string> = []
    const connector = ScriptedConnector.make()
    const scope = yield* Scope.make()
    const pool = yield* provideScope(Pool.make({ open: connector.open, maxConnections, ...others }), scope)
    if (warm) yield* Effect.ignore(pool.use(() => Effect.void))
    const { concurrency = 1 } = others
    const taken = new Map<Connection, number>()
    const hold = (connection: Connection, places: number) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const holders = (taken.get(connection) ?? 0) + places
          if (holders > concurrency) problems.push(`connection ${connection.id} has too many holders`)
          taken.set(connection, holders)
        }),
        () => yieldNow,
        () => Effect.sync(() => taken.set(connection, taken.get(connection)! - places))
      )
    const world: World = {
      pool,
      hold: (connection) => hold(connection, 1),
      holdAlone: (connection) => hold(connection, concurrency)
    }

    const other = shared === true ? [yield* fork(pool.use(world.hold))] : []
    const fibers = [...other, ...yield* begin(world)]
    if (!(yield* settle(() => fibers.every((fiber) => exitOf(fiber) !== undefined)))) problems.push("one never ends")
    const isQuiet = () => {
      const { closing, inUse, opening, pending } = Effect.runSync(pool.stats)
      return opening + inUse + closing + pending === 0
    }
    if (!(yield* settle(isQuiet))) problems.push(`it does not come to rest: ${JSON.stringify(yield* pool.stats)}`)
    problems.push(...connector.audit(yield* pool.stats))

    const again = yield* fork(
      Effect.all(Array.from({ length: maxConnections }, () => pool.acquire), { concurrency: "unbounded" })
    )
    if (!(yield* settle(() => exitOf(again) !== undefined))) problems.push(`it cannot lend ${maxConnections} again`)
    const lent = exitOf(again)
    if (lent?._tag === "Success") yield* Effect.forEach(lent.value, (one) => Effect.ignore(pool.release(one)))
    // One that hangs must not keep the test waiting for the end of the drain.
    const closing = yield* forkDaemon(Scope.close(scope, Exit.void))
    if (!(yield* settle(() => exitOf(closing) !== undefined))) problems.push("it does not close")
    if (connector.live !== 0 || connector.closed !== connector.opened) {
      problems.push(`${connector.opened} were opened, ${connector.closed} closed`)
    }
    return problems
  })

/** The way in which one borrower borrows. */
const borrows: Record<string, (world: World) => Effect.Effect<unknown, unknown>> = {
  use: ({ hold, pool }) => pool.use(hold),
  get: ({ hold, pool }) => Effect.scoped(Effect.flatMap(pool.get, hold)),
  acquire: ({ hold, pool }) => Effect.acquireUseRelease(pool.acquire, hold, (one) => Effect.ignore(pool.release(one))),
  reconnect: ({ hold, pool }) =>
    pool.use((one) => Effect.andThen(hold(one), Effect.flatMap(pool.reconnect(one), hold))),
  exclusive: ({ holdAlone, pool }) => Effect.scoped(Effect.flatMap(pool.exclusive, holdAlone)),
  useExclusive: ({ holdAlone, pool }) => pool.useExclusive(holdAlone),
  drop: ({ hold, pool }) => Effect.acquireUseRelease(pool.acquire, hold, (one) => Effect.ignore(pool.drop(one)))
}

/** Other questions to a pool. */
const verbs: Record<string, (world: World) => Effect.Effect<unknown, unknown>> = {
  clear: ({ pool }) => pool.clear,
  resize: ({ pool }) => Effect.andThen(pool.resize({ max: 3 }), pool.resize({ max: 1 })),
  awaitReady: ({ pool }) => pool.awaitReady,
  dropExpired: ({ pool }) => pool.dropExpired,
  close: ({ pool }) => pool.close
}

const situations: Record<string, Situation> = {
  "an idle connection": { maxConnections: 1, warm: true },
  "a connection that is being opened": { maxConnections: 1, warm: false },
  "two connections that are being opened": { maxConnections: 2, warm: false },
  "a connection that another shares": { maxConnections: 1, warm: true, concurrency: 2, shared: true },
  "a connection that must be asked first": {
    maxConnections: 1,
    warm: true,
    validate: () => Effect.as(yieldNow, true),
    validateAfterIdle: 0
  }
}

const pairs = [
  ["use", "use"],
  ["use", "get"],
  ["get", "acquire"],
  ["drop", "use"],
  ["reconnect", "use"],
  ["useExclusive", "use"],
  ["get", "exclusive"],
  ["exclusive", "useExclusive"]
] as const

/** The pairs that are drawn are others for each combination. */
let [seed] = seeds("pairs", 0)

const budgets = bySearch({ short: [4, 33, 2048], full: [4, 16, 2048], deep: [4, 7, 16, 33, 2048] })
const maxRuns = bySearch({ short: 6, full: 60, deep: 200 })

// F26
describe("interruptions of two borrowers at any steps", { timeout: 600_000 }, () => {
  for (const [first, second] of pairs) {
    for (const [situation, options] of Object.entries(situations)) {
      it.live(`lose nothing with ${first} and ${second} on ${situation}`, () =>
        Effect.gen(function*() {
          const report = yield* Interruptions.explorePairs(
            (forkFirst, forkSecond) =>
              examined(options, (world) =>
                Effect.all([forkFirst(borrows[first]!(world)), forkSecond(borrows[second]!(world))])),
            { budgets, maxRuns, seed: seed++ }
          )
          expect(report.violations.slice(0, 3)).toEqual([])
          expect(report.runs).toBe(maxRuns)
        }))
    }
  }
})

// F26
describe("an interruption at any step, with any budget of steps", { timeout: 600_000 }, () => {
  for (const name of Object.keys(borrows)) {
    for (const [situation, options] of Object.entries(situations)) {
      it.live(`loses nothing with ${name} on ${situation}`, () =>
        Effect.gen(function*() {
          const run = (forkSubject: Interruptions.ForkSubject, forkIdle: Interruptions.ForkSubject = fork) =>
            examined(options, (world) => Effect.all([forkSubject(borrows[name]!(world)), forkIdle(Effect.void)]))
          // All steps are too many for a short run, so some are drawn.
          const report = isLong
            ? yield* Interruptions.explore((forkSubject) => run(forkSubject), { budgets })
            : yield* Interruptions.explorePairs(run, { budgets, maxRuns, seed: seed++ })
          expect(report.violations.slice(0, 3)).toEqual([])
        }))
    }
  }

  for (const name of Object.keys(verbs)) {
    it.live(`loses nothing with ${name} beside a borrower`, () =>
      Effect.gen(function*() {
        const report = yield* Interruptions.explore(
          (forkSubject) =>
            examined({ maxConnections: 1, warm: false }, (world) =>
              Effect.all([
                fork(Effect.exit(borrows["use"]!(world))),
                forkSubject(verbs[name]!(world)),
                fork(Effect.exit(borrows["get"]!(world)))
              ])),
          { budgets: [4, 33, 2048] }
        )
        expect(report.violations.slice(0, 3)).toEqual([])
        expect(report.runs).toBeGreaterThan(6)
      }))
  }

  it.live("finds the connection that is lost by a borrower that notes it one step too late", () =>
    Effect.gen(function*() {
      const report = yield* Interruptions.explorePairs(
        (forkFirst, forkSecond) =>
          examined(situations["an idle connection"]!, (world) => {
            const late = Effect.flatMap(world.pool.acquire, (one) =>
              Effect.ensuring(world.hold(one), Effect.ignore(world.pool.release(one))))
            return Effect.all([forkFirst(borrows["use"]!(world)), forkSecond(late)])
          }),
        { budgets: [4, 2048], maxRuns: 60 }
      )
      expect(report.violations.map(({ problem }) => problem)).toContain("it cannot lend 1 again")
    }))
})
