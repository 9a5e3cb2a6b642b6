// A borrower whose parents hold what it waits for. Effect's operators run it in a fiber of its own.
import { PoolExhaustedError } from "@socketpool/core"
import { disconnect, exitOf, fork, forkDaemon, TestClock, withFiber, yieldNow } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Deferred, Effect, Fiber, FiberSet, Stream } from "effect"
import { isAncestor } from "../src/internal/effect/ancestors.js"
import { forkSettled, id, settled, setup, type TestPool } from "./setup.js"

type Way = (inner: Effect.Effect<unknown, unknown>) => Effect.Effect<unknown, unknown>

const both: { readonly concurrency: number } = { concurrency: 2 }

/** The ways in which a holder can run an effect and wait for it. */
const waiting: ReadonlyArray<readonly [string, Way]> = [
  ["itself", (inner) => inner],
  ["timeout", Effect.timeout("1 hour")],
  ["timeoutOption", Effect.timeoutOption("1 hour")],
  ["timeout, uninterruptibly", (inner) => Effect.timeout(Effect.uninterruptible(inner), "1 hour")],
  ["two timeouts", (inner) => inner.pipe(Effect.timeout("1 hour"), Effect.timeout("2 hours"))],
  ["timeout, disconnected", (inner) => inner.pipe(disconnect, Effect.timeout("1 hour"))],
  ["all, beside another", (inner) => Effect.all([inner, Effect.void], both)],
  ["all, beside one that sleeps", (inner) => Effect.all([inner, Effect.sleep("1 hour")], both)],
  ["forEach", (inner) => Effect.forEach([1], () => inner, { concurrency: "unbounded", discard: true })],
  ["forEach in forEach", (inner) => Effect.forEach([1], () => Effect.all([inner], both), both)],
  ["timeout in forEach", (inner) => Effect.forEach([1], () => Effect.timeout(inner, "1 hour"), both)],
  ["fork and join", (inner) => Effect.flatMap(fork(inner), Fiber.join)],
  ["forkDaemon and join", (inner) => Effect.flatMap(forkDaemon(inner), Fiber.join)],
  ["forkScoped and join", (inner) => Effect.scoped(Effect.flatMap(Effect.forkScoped(inner), Fiber.join))]
]

/** The reason, the time and the number of leases that the error of a borrow tells. */
const shown = (error: unknown) => {
  assert.instanceOf(error, PoolExhaustedError)
  return [error.reason, error.waitedMillis, error.heldByCaller]
}

/** Notes what comes of a borrow. */
const noting = (pool: TestPool) => {
  const notes: Array<unknown> = []
  const inner = Effect.matchEffect(pool.use(id), {
    onFailure: (error) => Effect.sync(() => notes.push(shown(error))),
    onSuccess: (number) => Effect.sync(() => notes.push(number))
  })
  return { inner, notes }
}

describe("a borrower whose parent holds all there is and waits for it by", () => {
  // F15, G6: nested acquire
  it.scoped.each(waiting)("%s fails at once when the parent holds it by use", ([_, way]) =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const { inner, notes } = noting(pool)
      const fiber = yield* forkSettled(pool.use(() => way(inner)))
      assert.deepStrictEqual(notes, [["SelfDeadlock", 0, 1]])
      yield* Fiber.interrupt(fiber)
    }))

  it.scoped.each(waiting)("%s fails at once when the parent holds it by get", ([_, way]) =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const { inner, notes } = noting(pool)
      const fiber = yield* forkSettled(Effect.scoped(Effect.andThen(pool.get, way(inner))))
      assert.deepStrictEqual(notes, [["SelfDeadlock", 0, 1]])
      yield* Fiber.interrupt(fiber)
    }))

  it.scoped.each(waiting)("%s waits for a lease that anybody can release", ([_, way]) =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1 })
      const { inner, notes } = noting(pool)
      const fiber = yield* forkSettled(Effect.andThen(pool.acquire, way(inner)))
      assert.deepStrictEqual(notes, [])
      yield* pool.release(connector.connection(1))
      yield* settled
      assert.deepStrictEqual(notes, [1])
      yield* Fiber.interrupt(fiber)
    }))

  it.scoped.each(waiting)("%s waits for a lease of somebody else's", ([_, way]) =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 })
      const theirs = yield* forkSettled(pool.use(() => Effect.sleep("1 second")))
      const { inner, notes } = noting(pool)
      const fiber = yield* forkSettled(pool.use(() => way(inner)))
      assert.deepStrictEqual(notes, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(notes, [1])
      yield* Fiber.join(theirs)
      yield* Fiber.interrupt(fiber)
    }))

  it.scoped.each(waiting)("%s is served while one is free", ([_, way]) =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 })
      const { inner, notes } = noting(pool)
      const fiber = yield* forkSettled(pool.use(() => way(inner)))
      assert.deepStrictEqual(notes, [2])
      yield* Fiber.interrupt(fiber)
    }))
})

describe("a borrower whose ancestors hold all there is", () => {
  it.scoped("fails at once when each waits for the next", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ name: "orders", maxConnections: 3 })
      const { inner, notes } = noting(pool)
      yield* pool.use(() =>
        Effect.timeout(pool.use(() => Effect.all([pool.use(() => Effect.timeout(inner, "1 hour"))], both)), "1 hour")
      )
      assert.deepStrictEqual(notes, [["SelfDeadlock", 0, 3]])
    }))

  it.scoped("waits when one of them goes on", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 })
      const { inner, notes } = noting(pool)
      const outer = yield* pool.use(() =>
        fork(pool.use(() => Effect.timeout(inner, "1 hour"))).pipe(Effect.tap(settled))
      )
      yield* Fiber.join(outer)
      assert.deepStrictEqual(notes, [1])
    }))

  it.scoped("fails at once, each of two children", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const { inner, notes } = noting(pool)
      yield* pool.use(() => Effect.all([inner, inner], both))
      assert.deepStrictEqual(notes, [["SelfDeadlock", 0, 1], ["SelfDeadlock", 0, 1]])
    }))

  it.scoped("is told which fibers the message counts", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const error = yield* pool.use(() => Effect.flip(Effect.timeout(pool.use(id), "1 hour")))
      assert.include(String((error as Error).message), "this fiber already holds 1 connection, its parents' included")
    }))

  it.scoped("gets another by reconnect", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const next = yield* pool.use((connection) => Effect.timeout(pool.reconnect(connection), "1 hour"))
      assert.strictEqual(next.id, 2)
    }))
})

describe("a borrower whose parent holds all there is and may go on without it", () => {
  const ways: ReadonlyArray<readonly [string, Way]> = [
    ["forks it", fork],
    ["forks it as a daemon", forkDaemon],
    ["forks it, and sleeps", (inner) => Effect.andThen(fork(inner), Effect.sleep("1 second"))],
    [
      "forks it in a scope",
      (inner) => Effect.scoped(Effect.andThen(Effect.forkScoped(inner), Effect.sleep("1 second")))
    ],
    ["forks it in a set", (inner) =>
      Effect.scoped(Effect.gen(function*() {
        const set = yield* FiberSet.make()
        yield* FiberSet.run(set, inner)
        yield* Effect.sleep("1 second")
      }))],
    ["forks it, and joins another", (inner) =>
      Effect.gen(function*() {
        yield* fork(inner)
        yield* Fiber.join(yield* fork(Effect.sleep("1 second")))
      })],
    ["forks it, joins another daemon", (inner) =>
      Effect.gen(function*() {
        yield* forkDaemon(inner)
        yield* Fiber.join(yield* forkDaemon(Effect.sleep("1 second")))
      })],
    [
      "forks it, and loops over others",
      (inner) => Effect.andThen(forkDaemon(inner), Effect.forEach([1, 2], () => Effect.sleep("1 second"), both))
    ],
    [
      "forks it, and gives another a time limit",
      (inner) => Effect.andThen(fork(inner), Effect.timeout(Effect.sleep("1 second"), "1 hour"))
    ],
    ["awaits a deferred of its making, while another joins it", (inner) =>
      Effect.gen(function*() {
        const made = yield* Deferred.make<Deferred.Deferred<void>>()
        const child = yield* fork(
          Effect.andThen(Effect.tap(Deferred.make<void>(), (own) => Deferred.succeed(made, own)), inner)
        )
        yield* forkDaemon(Fiber.join(child))
        const own = yield* Deferred.await(made)
        yield* forkDaemon(Effect.delay(Deferred.succeed(own, undefined), "1 second"))
        yield* Deferred.await(own)
      })],
    ["races it, and lets the loser go on", (inner) =>
      Effect.raceWith(inner, Effect.sleep("1 second"), {
        onSelfDone: () => Effect.void,
        onOtherDone: () => Effect.void
      })],
    ["pulls from it and another", (inner) =>
      Effect.scoped(Effect.gen(function*() {
        const slow = Stream.fromEffect(Effect.sleep("1 second"))
        const pull = yield* Stream.toPull(Stream.merge(Stream.fromEffect(inner), slow))
        yield* pull
      }))]
  ]

  // F15
  it.scoped.each(ways)("%s does not fail at once", ([_, way]) =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const { inner, notes } = noting(pool)
      const fiber = yield* fork(Effect.andThen(pool.use(() => way(inner)), Effect.never))
      yield* TestClock.adjust("1 second")
      assert.notDeepEqual(notes, [["SelfDeadlock", 0, 1]])
      assert.isAtMost(notes.length, 1)
      yield* Fiber.interrupt(fiber)
    }))

  it.scoped.each(ways.slice(0, 3))("%s is served when the parent goes on", ([_, way]) =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const { inner, notes } = noting(pool)
      const fiber = yield* fork(Effect.andThen(pool.use(() => way(inner)), Effect.never))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(notes, [1])
      yield* Fiber.interrupt(fiber)
    }))

  it.scoped.each<readonly [string, Way]>([
    ["races it", (inner) => Effect.race(inner, Effect.never)],
    ["awaits its exit", (inner) => Effect.flatMap(fork(inner), Fiber.await)],
    ["races it with others", (inner) => Effect.raceAll([inner, Effect.never])],
    ["joins it later", (inner) => Effect.flatMap(Effect.tap(fork(inner), yieldNow), Fiber.join)],
    ["sleeps", (inner) => Effect.andThen(fork(inner), Effect.sleep("1 hour"))]
  ])("%s hears after acquireTimeout that the parent holds one", ([_, way]) =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const { inner, notes } = noting(pool)
      const fiber = yield* fork(pool.use(() => way(inner)))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(notes, [["Timeout", 10_000, 1]])
      yield* Fiber.interrupt(fiber)
    }))

  it.scoped("does not count what its siblings hold", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 })
      const { inner, notes } = noting(pool)
      const nested = pool.use(() => Effect.andThen(Effect.sleep("1 second"), Effect.timeout(inner, "1 hour")))
      const fiber = yield* fork(Effect.all([nested, nested], both))
      yield* TestClock.adjust("11 seconds")
      assert.isDefined(exitOf(fiber))
      assert.deepStrictEqual(notes, [["Timeout", 10_000, 1], ["Timeout", 10_000, 1]])
    }))
})

describe("the seam knows", () => {
  it.effect("the ancestors of a fiber, and neither itself nor its siblings nor its children", () =>
    Effect.gen(function*() {
      const self = withFiber((fiber) => Effect.succeed(fiber))
      const grandchild = Effect.flatMap(fork(self), Fiber.join)
      const [parent, [child, nested], sibling] = yield* Effect.all([
        self,
        Effect.flatMap(fork(Effect.all([self, grandchild])), Fiber.join),
        Effect.flatMap(fork(self), Fiber.join)
      ])
      const known = (of: typeof parent) => [parent, child, nested, sibling].map((fiber) => isAncestor(fiber, of))
      assert.deepStrictEqual([parent, child, nested, sibling].map(known), [
        [false, false, false, false],
        [true, false, false, false],
        [true, true, false, false],
        [true, false, false, false]
      ])
    }))
})
