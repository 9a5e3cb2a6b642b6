import { PoolExhaustedError } from "@socketpool/core"
import { exitOf, fork, repeatN, TestClock, withoutYields, yieldNow } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Fiber } from "effect"
import { bySearch } from "./search.js"
import { forkSettled, id, setup } from "./setup.js"

const leases = bySearch({ short: 25_000, full: 250_000 })

describe("a crowd of borrowers", () => {
  // G7: newcomer vs waiters
  it.scoped(
    `is served in the order in which it came: nobody overtakes in ${leases.toLocaleString("en")} leases`,
    () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1 })
        let came = 0
        let served = 0
        let overtakes = 0
        const lease = Effect.suspend(() => {
          const place = ++came
          return pool.use(() => {
            if (place !== ++served) overtakes++
            return yieldNow
          })
        })
        yield* Effect.forEach(Array.from({ length: 50 }), () => repeatN(lease, leases / 50 - 1), {
          concurrency: "unbounded",
          discard: true
          // A fiber that stepped aside between taking its place and getting in line would be overtaken rightly.
        }).pipe(withoutYields)
        assert.deepStrictEqual([served, overtakes], [leases, 0])
      })
  )

  // G8: W waiters
  it.scoped(
    "is served in a time that grows as it does: ten times as many do not take forty times as long",
    () =>
      Effect.gen(function*() {
        const drained = (borrowers: number) =>
          Effect.gen(function*() {
            const { pool } = yield* setup({ maxConnections: 1, maxPending: Infinity })
            const connection = yield* pool.acquire
            const waiters = yield* Effect.forEach(
              Array.from({ length: borrowers }),
              () => fork(pool.use(() => Effect.void))
            )
            yield* yieldNow
            assert.strictEqual((yield* pool.stats).pending, borrowers)
            // Of the process's own time: what else the machine does must not count.
            const start = process.cpuUsage()
            yield* pool.release(connection)
            yield* Effect.forEach(waiters, Fiber.await, { discard: true })
            const { system, user } = process.cpuUsage(start)
            return system + user
          })
        yield* drained(300)
        const few = yield* drained(3000)
        const many = yield* drained(30_000)
        assert.isBelow(many / few, 40)
      })
  )

  // F16, G9: queue full
  it.scoped(
    "that finds the pool stuck is turned away at once, but for maxPending of them",
    () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1, maxPending: 100 }, { open: () => "never" })
        const borrowers = yield* Effect.forEach(
          Array.from({ length: 10_000 }),
          () => fork(Effect.flip(pool.use(id)))
        )
        yield* yieldNow
        const errors = borrowers.flatMap((borrower) => {
          const exit = exitOf(borrower)
          return exit?._tag === "Success" && exit.value instanceof PoolExhaustedError ? [exit.value] : []
        })
        assert.strictEqual(errors.length, 9900)
        assert.deepStrictEqual(new Set(errors.map((error) => error.reason)), new Set(["QueueFull"]))
        assert.strictEqual((yield* pool.stats).pending, 100)
        yield* Fiber.interruptAll(borrowers)
        yield* TestClock.adjust("10 seconds")
      })
  )
})

// F6
it.scoped("a waiter that loses one connection after another waits no longer than acquireTimeout", () =>
  Effect.gen(function*() {
    const { pool } = yield* setup({ maxConnections: 5, acquireTimeout: "1 second" }, {
      open: (attempt) => attempt <= 5 ? "ok" : { slow: "4 seconds" }
    })
    const connections = yield* Effect.all(Array.from({ length: 5 }, () => pool.acquire))
    const waiter = yield* forkSettled(Effect.flip(pool.acquire))
    for (const connection of connections.slice(1)) {
      yield* TestClock.adjust("200 millis")
      yield* pool.release(connection)
      // Before the waiter has had a turn.
      yield* pool.drop(connection)
    }
    yield* TestClock.adjust("199 millis")
    assert.isUndefined(exitOf(waiter))
    yield* TestClock.adjust("1 millis")
    const error = yield* Fiber.join(waiter)
    assert.instanceOf(error, PoolExhaustedError)
    assert.strictEqual(error.waitedMillis, 1000)
    yield* pool.release(connections[0]!)
    yield* TestClock.adjust("4 seconds")
  }))
