import { Budget, Overload, Pool } from "@socketpool/core"
import { exitOf, fork, provideScope, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector, Spans } from "@socketpool/testing"
import { Effect, Exit, Fiber, Schedule, Scope } from "effect"
import { forkSettled, id, type Options, type Script, settled, setup, type TestPool, warmUp } from "./setup.js"

interface World {
  readonly connector: ScriptedConnector.ScriptedConnector
  readonly pool: TestPool
}

/** The difference that an option makes to a pool. */
interface Difference {
  readonly set: Options
  /** Other options that the pool needs for the difference to show, with and without the option. */
  readonly given?: Options
  readonly script?: Script
  readonly see: (world: World) => Effect.Effect<unknown, unknown>
  readonly without: unknown
  readonly with: unknown
}

/** The connections that two borrowers get, one after the other. */
const lentTwice = ({ pool }: World) => Effect.all([pool.use(id), pool.use(id)])

/** The same, so much time after a first one. */
const lentLater = (millis: number) => ({ pool }: World) =>
  Effect.andThen(Effect.andThen(pool.use(id), TestClock.adjust(millis)), pool.use(id))

/** The number of open connections, so much time after so many were. */
const liveLater = (connections: number, millis: number) => ({ connector, pool }: World) =>
  Effect.gen(function*() {
    yield* warmUp(pool, connections)
    yield* TestClock.adjust(millis)
    return connector.live
  })

/** The opens that fail for three borrowers, one after the other and some time apart. */
const failedOpens = (millis: number) => ({ pool }: World) =>
  Effect.gen(function*() {
    for (let i = 0; i < 3; i++) yield* Effect.andThen(Effect.exit(pool.use(id)), TestClock.adjust(millis))
    return (yield* pool.stats).openFailed
  })

/** Looks while so many borrowers hold a connection or wait for one. */
const crowded = (borrowers: number, see: (world: World) => Effect.Effect<unknown>) => (world: World) =>
  Effect.gen(function*() {
    const crowd = yield* Effect.forEach(
      Array.from({ length: borrowers }),
      () => fork(Effect.exit(world.pool.use(() => Effect.never)))
    )
    yield* settled
    const seen = yield* see(world)
    yield* Fiber.interruptAll(crowd)
    yield* TestClock.adjust("1 minute")
    return seen
  })

/** A budget for the whole file. */
const budgetOf = (maxConnections: number): Budget.Budget =>
  Effect.runSync(provideScope(Budget.make({ maxConnections, reclaimAfter: 0 }), Effect.runSync(Scope.make())))

const contested = budgetOf(4)

// A new option is a type error here until its difference can be seen.
const differences: { readonly [option in keyof Omit<Required<Options>, "open">]: Difference } = {
  name: {
    set: { name: "orders" },
    see: ({ pool }) => Effect.succeed(pool.name === "orders"),
    without: false,
    with: true
  },
  attributes: {
    set: { attributes: { "server.address": "db.internal" } },
    see: ({ pool }) =>
      Effect.map(
        Spans.during(pool.use(id)),
        ([connect]) => connect?.attributes.get("server.address")
      ),
    without: undefined,
    with: "db.internal"
  },
  maxConnections: {
    set: { maxConnections: 7 },
    see: crowded(10, ({ pool }) => pool.size),
    without: 10,
    with: 7
  },
  minConnections: { set: { minConnections: 2 }, see: liveLater(0, 3_600_000), without: 0, with: 2 },
  initialConnections: { set: { initialConnections: 2 }, see: liveLater(0, 0), without: 0, with: 2 },
  maxConnecting: {
    set: { maxConnecting: 2 },
    script: { open: () => ({ slow: "1 second" }) },
    see: crowded(10, ({ connector }) => Effect.sync(() => connector.peakOpening)),
    without: 4,
    with: 2
  },
  maxPending: {
    set: { maxPending: 1 },
    given: { maxConnections: 1, initialConnections: 1 },
    see: (world) =>
      Effect.andThen(settled, crowded(4, ({ pool }) => Effect.map(pool.stats, (stats) => stats.pending))(world)),
    without: 3,
    with: 1
  },
  acquireTimeout: {
    set: { acquireTimeout: "1 second" },
    given: { maxConnections: 1 },
    see: crowded(
      2,
      ({ pool }) => Effect.andThen(TestClock.adjust("1 second"), Effect.map(pool.stats, (stats) => stats.pending))
    ),
    without: 1,
    with: 0
  },
  connectTimeout: {
    set: { connectTimeout: "1 second" },
    script: { open: () => "never" },
    see: crowded(
      1,
      ({ pool }) => Effect.andThen(TestClock.adjust("1 second"), Effect.map(pool.stats, (stats) => stats.openFailed))
    ),
    without: 0,
    with: 1
  },
  connectionTTL: { set: { connectionTTL: "1 minute" }, see: lentLater(60_000), without: 1, with: 2 },
  ttlJitter: {
    set: { ttlJitter: 1 },
    see: ({ pool }) =>
      Effect.gen(function*() {
        yield* warmUp(pool, 20)
        yield* TestClock.adjust("530 seconds")
        return (yield* pool.dropExpired) + (yield* pool.stats).closed.Expired > 0
      }),
    without: false,
    with: true
  },
  idleTimeout: { set: { idleTimeout: "1 minute" }, see: liveLater(2, 60_000), without: 2, with: 0 },
  maxUses: { set: { maxUses: 1 }, see: lentTwice, without: [1, 1], with: [1, 2] },
  reapExpired: { set: { reapExpired: false }, see: liveLater(2, 720_000), without: 0, with: 2 },
  reapSchedule: {
    set: { reapSchedule: Schedule.spaced("1 second") },
    given: { connectionTTL: "1 minute" },
    see: liveLater(2, 60_000),
    without: 2,
    with: 0
  },
  isConnected: { set: { isConnected: () => false }, see: lentTwice, without: [1, 1], with: [1, 2] },
  isExpired: { set: { isExpired: () => true }, see: lentTwice, without: [1, 1], with: [1, 2] },
  closed: {
    set: { closed: (connection) => connection.closed },
    see: ({ connector, pool }) =>
      Effect.gen(function*() {
        yield* warmUp(pool, 1)
        connector.connection(1).kill()
        yield* settled
        return yield* pool.size
      }),
    without: 1,
    with: 0
  },
  validate: { set: { validate: () => Effect.succeed(false) }, see: lentLater(1000), without: 1, with: 2 },
  validateAfterIdle: {
    set: { validateAfterIdle: "1 minute" },
    given: { validate: () => Effect.succeed(false) },
    see: lentLater(1000),
    without: 2,
    with: 1
  },
  keepaliveTime: {
    set: { keepaliveTime: "1 minute" },
    given: { validate: () => Effect.as(Effect.sleep("1 second"), true) },
    see: ({ pool }) =>
      Effect.gen(function*() {
        yield* warmUp(pool, 1)
        yield* TestClock.adjust("1 minute")
        const { validating } = yield* pool.stats
        yield* TestClock.adjust("1 second")
        return validating
      }),
    without: 0,
    with: 1
  },
  validateTimeout: {
    set: { validateTimeout: "1 second" },
    given: { validate: () => Effect.never },
    see: ({ pool }) =>
      Effect.gen(function*() {
        yield* warmUp(pool, 1)
        yield* TestClock.adjust("1 second")
        const borrower = yield* forkSettled(pool.use(id))
        yield* TestClock.adjust("1 second")
        const served = exitOf(borrower) !== undefined
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(borrower)
        return served
      }),
    without: false,
    with: true
  },
  lease: {
    set: { lease: (connection) => ({ ...connection }) },
    see: ({ connector, pool }) => pool.use((lent) => Effect.succeed(lent === connector.connection(1))),
    without: true,
    with: false
  },
  onRelease: { set: { onRelease: () => Effect.succeed("discard") }, see: lentTwice, without: [1, 1], with: [1, 2] },
  concurrency: {
    set: { concurrency: 3 },
    given: { maxConnections: 1 },
    see: crowded(4, ({ pool }) => Effect.map(pool.stats, (stats) => stats.leased)),
    without: 1,
    with: 3
  },
  order: {
    set: { order: "fifo" },
    see: ({ pool }) =>
      Effect.gen(function*() {
        const [first, second] = yield* Effect.all([pool.acquire, pool.acquire])
        yield* pool.release(first)
        yield* pool.release(second)
        return yield* pool.use(id)
      }),
    without: 2,
    with: 1
  },
  retry: {
    set: { retry: Schedule.spaced("1 hour") },
    given: { minConnections: 1 },
    script: { open: (attempt) => attempt === 1 ? "fail" : "ok" },
    see: liveLater(0, 10_000),
    without: 1,
    with: 0
  },
  farewell: {
    set: { farewell: () => Effect.never },
    see: ({ pool }) =>
      Effect.gen(function*() {
        yield* pool.use(id)
        yield* pool.clear
        yield* settled
        const { closing } = yield* pool.stats
        yield* TestClock.adjust("1 minute")
        return closing
      }),
    without: 0,
    with: 1
  },
  isFatal: {
    set: { isFatal: () => true },
    script: { open: () => "fail" },
    see: failedOpens(0),
    without: 3,
    with: 1
  },
  fatalPause: {
    set: { fatalPause: "1 second" },
    given: { isFatal: () => true },
    script: { open: () => "fail" },
    see: failedOpens(1_000),
    without: 1,
    with: 3
  },
  closeTimeout: {
    set: { closeTimeout: "1 second" },
    script: { close: () => ({ slow: "1 minute" }) },
    see: ({ pool }) =>
      Effect.gen(function*() {
        yield* pool.use((connection) => pool.drop(connection))
        yield* TestClock.adjust("1 second")
        const { closing } = yield* pool.stats
        yield* TestClock.adjust("1 minute")
        return closing
      }),
    without: 1,
    with: 0
  },
  drainTimeout: {
    set: { drainTimeout: "1 second" },
    see: ({ connector, pool }) =>
      Effect.gen(function*() {
        yield* pool.acquire
        const closing = yield* forkSettled(pool.close)
        yield* TestClock.adjust("1 second")
        const { live } = connector
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(closing)
        return live
      }),
    without: 1,
    with: 0
  },
  leakThreshold: {
    set: { leakThreshold: "1 second" },
    see: ({ pool }) =>
      pool.use(() =>
        Effect.andThen(TestClock.adjust("1 second"), Effect.map(pool.stats, (stats) => stats.leaksSuspected))
      ),
    without: 0,
    with: 1
  },
  overload: {
    set: { overload: Overload.codel() },
    given: { maxConnections: 1, initialConnections: 1 },
    see: ({ pool }) =>
      Effect.gen(function*() {
        const borrowers = yield* fork(Effect.all(
          Array.from({ length: 9 }, () => Effect.ignore(pool.use(() => Effect.sleep(60)))),
          { concurrency: "unbounded" }
        ))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(borrowers)
        return (yield* pool.stats).failed.Shed > 0
      }),
    without: false,
    with: true
  },
  budget: {
    set: { budget: budgetOf(3) },
    see: crowded(10, ({ pool }) => pool.size),
    without: 10,
    with: 3
  },
  budgetWeight: {
    set: { budgetWeight: 3 },
    given: { budget: contested },
    see: ({ pool }) =>
      Effect.gen(function*() {
        const rival = yield* Pool.make({ open: ScriptedConnector.make().open, budget: contested })
        const loops = yield* Effect.forEach([pool, rival], (pool) =>
          fork(Effect.all(
            Array.from({ length: 20 }, () => Effect.forever(pool.use(() => Effect.sleep("5 millis")))),
            { concurrency: "unbounded" }
          )))
        yield* TestClock.adjust("1 second")
        const size = yield* pool.size
        yield* Fiber.interruptAll(loops)
        return size
      }).pipe(Effect.scoped),
    without: 2,
    with: 3
  }
}

describe("an option makes a difference:", () => {
  // F24
  it.scoped.each(Object.entries<Difference>(differences))("%s", ([_, difference]) =>
    Effect.gen(function*() {
      const { given, script, see, set } = difference
      const plain = yield* setup(given, script)
      assert.deepStrictEqual(yield* see(plain), difference.without)
      const configured = yield* setup({ ...given, ...set }, script)
      assert.deepStrictEqual(yield* see(configured), difference.with)
    }))
})

// F24
it.scoped("an option that does not exist is a type error, and a defect that names the right one", () =>
  Effect.gen(function*() {
    const { open } = ScriptedConnector.make()
    // @ts-expect-error: it is called maxConnections.
    const exit = yield* Effect.exit(Pool.make({ open, maxConnection: 1 }))
    const said = Exit.isFailure(exit) ? String(exit.cause) : "nothing"
    assert.include(said, "Pool.make: maxConnection is not an option: did you mean maxConnections?")
  }))
