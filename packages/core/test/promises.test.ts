// Code that is not Effect borrows by `Pool.promises`.
import type { PromisePool } from "@socketpool/core"
import { ConnectionNotFoundError, Pool, PoolClosedError, PoolExhaustedError } from "@socketpool/core"
import { fork, reasonOf, rejectsWithCauses, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Exit, Fiber } from "effect"
import { door, failure, outcomeOf, settledLater } from "./promises/door.js"
import { id, settled } from "./setup.js"

describe("a lease by acquire", () => {
  it.scoped("is the caller's until it is released", () =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door({ maxConnections: 1 })
      const lease = yield* Effect.promise(() => promises.acquire())
      assert.strictEqual(lease.connection.id, 1)
      assert.deepInclude(yield* pool.stats, { inUse: 1, leased: 1, acquired: 1 })
      lease.release()
      assert.deepInclude(yield* pool.stats, { inUse: 0, idle: 1, leased: 0 })
    }))

  const ends: ReadonlyArray<readonly [string, (lease: PromisePool.PromiseLease<unknown>) => unknown, number]> = [
    ["release", (lease) => lease.release(), 1],
    ["drop", (lease) => lease.drop(), 0],
    ["using", (lease) => lease[Symbol.dispose](), 1],
    ["await using", (lease) => lease[Symbol.asyncDispose](), 1]
  ]
  it.scoped.each(ends)("ends by %s, once", ([_, end, idle]) =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door({ maxConnections: 1 })
      const lease = yield* Effect.promise(() => promises.acquire())
      yield* Effect.promise(async () => end(lease))
      assert.deepInclude(yield* pool.stats, { leased: 0, idle })
      for (const operation of ["release", "drop"] as const) {
        assert.throws(() => lease[operation](), ConnectionNotFoundError, `cannot ${operation} a connection`)
      }
      // The end of a block is no second release.
      lease[Symbol.dispose]()
      yield* Effect.promise(() => lease[Symbol.asyncDispose]())
      assert.deepInclude(yield* pool.stats, { leased: 0, idle })
    }))

  it.scoped("ends with its block", () =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door({ maxConnections: 1 })
      const error = yield* Effect.promise(async () => {
        try {
          await using lease = await promises.acquire()
          assert.strictEqual(promises.stats().leased, 1)
          throw new Error(`in ${lease.connection.id}`)
        } catch (error) {
          return (error as Error).message
        }
      })
      assert.strictEqual(error, "in 1")
      assert.deepInclude(yield* pool.stats, { leased: 0, idle: 1 })
    }))

  it.scoped("cannot be ended late, when somebody else has the connection", () =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door({ maxConnections: 1 })
      const [first, second] = yield* Effect.promise(async () => {
        const first = await promises.acquire()
        first.release()
        return [first, await promises.acquire()] as const
      })
      assert.strictEqual(first.connection, second.connection)
      assert.throws(() => first.release(), ConnectionNotFoundError)
      assert.throws(() => first.drop(), ConnectionNotFoundError)
      first[Symbol.dispose]()
      assert.deepInclude(yield* pool.stats, { leased: 1, closing: 0 })
      second.release()
    }))

  it.scoped("may have been ended by the pool, which a block forgives", () =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door({ maxConnections: 1, drainTimeout: "1 second" })
      const lease = yield* Effect.promise(() => promises.acquire())
      const closed = settledLater(promises.close())
      yield* TestClock.adjust("1 second")
      yield* closed
      lease[Symbol.dispose]()
      assert.throws(() => lease.release(), ConnectionNotFoundError)
      assert.strictEqual((yield* pool.stats).closed.PoolClosed, 1)
    }))
})

describe("a lease by use", () => {
  type Work = (connection: unknown) => unknown
  const broken = () => {
    throw new Error("broken")
  }
  const done = Exit.succeed("done")
  const failed = Exit.fail("broken")
  const refused = new ScriptedConnector.ScriptedOpenError({ attempt: 1 })
  const works: ReadonlyArray<readonly [string, Work, Exit.Exit<unknown, unknown>, boolean]> = [
    ["a value", () => "done", done, true],
    ["a promise that resolves", async () => "done", done, true],
    ["an exception", broken, failed, true],
    ["a promise that rejects", async () => broken(), failed, true],
    ["the failure of an effect", () => Effect.runPromise(Effect.fail(refused)), Exit.fail(refused.message), true],
    ["the defect of an effect", () => Effect.runPromise(Effect.die(new Error("broken"))), failed, !rejectsWithCauses],
    [
      "the interruption of an effect",
      () => Effect.runPromise(Effect.interrupt),
      Exit.fail(rejectsWithCauses ? "An error has occurred" : "All fibers interrupted without error"),
      !rejectsWithCauses
    ]
  ]
  it.scoped.each(works)("ends with %s", ([_, work, wanted, isKept]) =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door({ maxConnections: 1 })
      assert.deepStrictEqual(yield* outcomeOf(promises.use(work)), wanted)
      assert.deepInclude(yield* pool.stats, { leased: 0, idle: isKept ? 1 : 0 })
    }))

  it.scoped("tells onRelease how it ended", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const { promises } = yield* door({
        maxConnections: 1,
        onRelease: (_, exit) => {
          told.push(exit._tag === "Success" ? `Success ${String(exit.value)}` : String(reasonOf(exit.cause)))
          return Effect.succeed("keep")
        }
      })
      yield* outcomeOf(promises.use(() => 7))
      yield* outcomeOf(promises.use(() => Promise.reject(new Error("broken"))))
      const controller = new AbortController()
      yield* outcomeOf(promises.use(async () => {
        controller.abort()
        throw controller.signal.reason
      }, { signal: controller.signal }))
      assert.deepStrictEqual(told, ["Success 7", "Fail", "Interrupt"])
    }))
})

describe("a promise borrower", () => {
  it.scoped("waits in the one queue of all borrowers, and in the order of arrival", () =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door({ maxConnections: 1 })
      const served: Array<string> = []
      const lease = yield* Effect.promise(() => promises.acquire())
      const first = settledLater(promises.use(() => void served.push("promise 1")))
      const fiber = yield* fork(pool.use(() => Effect.sync(() => void served.push("fiber"))))
      yield* settled
      const last = settledLater(
        promises.acquire().then((lease) => {
          served.push("promise 2")
          lease.release()
        })
      )
      assert.strictEqual((yield* pool.stats).pending, 3)
      lease.release()
      // A newcomer does not overtake.
      const newcomer = settledLater(promises.use(() => void served.push("newcomer")))
      for (const one of [first, Fiber.join(fiber), last, newcomer]) yield* one
      assert.deepStrictEqual(served, ["promise 1", "fiber", "promise 2", "newcomer"])
      assert.deepInclude(yield* pool.stats, { acquired: 5, waited: 5 })
    }))

  it.scoped("waits as long as the pool's acquireTimeout, or its own timeout", () =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door({ maxConnections: 1, acquireTimeout: "2 seconds" })
      const lease = yield* Effect.promise(() => promises.acquire())
      const its = settledLater(failure(promises.use(() => {}, { timeout: "500 millis" })))
      const pools = settledLater(failure(promises.acquire()))
      yield* TestClock.adjust(499)
      assert.strictEqual((yield* pool.stats).pending, 2)
      yield* TestClock.adjust(1)
      const error = yield* its
      assert.instanceOf(error, PoolExhaustedError)
      assert.deepInclude({ ...error }, { reason: "Timeout", waitedMillis: 500 })
      yield* TestClock.adjust(1_499)
      assert.strictEqual((yield* pool.stats).pending, 1)
      yield* TestClock.adjust(1)
      assert.deepInclude({ ...(yield* pools) as object }, { reason: "Timeout", waitedMillis: 2_000 })
      lease.release()
    }))

  const refusals: ReadonlyArray<readonly [string, PromisePool.Options, string]> = [
    ["does not wait", { timeout: 0 }, "NoWait"],
    ["finds a full queue", {}, "QueueFull"]
  ]
  it.scoped.each(refusals)("that %s fails at once", ([_, options, reason]) =>
    Effect.gen(function*() {
      const { promises } = yield* door({ maxConnections: 1, maxPending: 1 })
      const lease = yield* Effect.promise(() => promises.acquire())
      const waiter = settledLater(promises.use(({ id }) => id))
      const error = yield* Effect.promise(() => failure(promises.acquire(options)))
      assert.deepInclude({ ...error as object }, { reason, waitedMillis: 0 })
      lease.release()
      assert.strictEqual(yield* waiter, 1)
    }))

  it.scoped("gets the connector's own error", () =>
    Effect.gen(function*() {
      const { promises } = yield* door({}, { open: () => "fail" })
      assert.instanceOf(
        yield* Effect.promise(() => failure(promises.acquire())),
        ScriptedConnector.ScriptedOpenError
      )
    }))

  it.scoped("hears of a pool that closes, or has closed", () =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door({ maxConnections: 1 })
      const lease = yield* Effect.promise(() => promises.acquire())
      const waiter = settledLater(failure(promises.use(() => {})))
      const closed = settledLater(promises[Symbol.asyncDispose]())
      assert.instanceOf(yield* waiter, PoolClosedError)
      assert.instanceOf(yield* Effect.promise(() => failure(promises.acquire())), PoolClosedError)
      lease.release()
      yield* closed
      assert.strictEqual((yield* pool.stats).closed.PoolClosed, 1)
    }))

  it.scoped("is refused what is no pool, no function, or no option", () =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door()
      const { signal } = new AbortController()
      assert.strictEqual(promises.name, pool.name)
      const wrong: ReadonlyArray<readonly [unknown, string]> = [
        [{ signal: null }, "PromisePool.acquire: signal must be an AbortSignal, but is null"],
        [{ signal: { aborted: 1 } }, "PromisePool.acquire: signal must be an AbortSignal"],
        [{ timeout: -1 }, "PromisePool.acquire: timeout must be a duration of 0 or more, but is -1"],
        [{ label: "" }, "PromisePool.acquire: label must be a string that is not empty"],
        [{ signal, timout: 1 }, "timout"],
        [null, "PromisePool.acquire"]
      ]
      for (const [options, message] of wrong) {
        const error = yield* Effect.promise(() => failure(promises.acquire(options as never)))
        assert.instanceOf(error, RangeError)
        assert.include((error as Error).message, message)
      }
      const error = yield* Effect.promise(() => failure(promises.use("f" as never)))
      assert.include((error as Error).message, "PromisePool.use: f must be a function")
      for (const other of [null, 7, {}, Object.create(pool)]) {
        assert.throws(
          () => Pool.promises(other),
          RangeError,
          "Pool.promises: pool must be a pool that Pool.make has made"
        )
      }
      assert.strictEqual(yield* pool.use(id), 1)
    }))
})
