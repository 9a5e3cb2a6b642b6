// The holders of leases that promises borrow: their names, and those that wait for themselves.
import { PoolExhaustedError, type PromisePool } from "@socketpool/core"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Fiber } from "effect"
import { AsyncLocalStorage } from "node:async_hooks"
import { Caller, enclosing, runWithin } from "../src/internal/caller.js"
import { door, failure, settledLater } from "./promises/door.js"
import { id } from "./setup.js"

type Promises = Effect.Effect.Success<ReturnType<typeof door>>["promises"]

describe("a promise borrower", () => {
  it.scoped("is called by a number, and by its label or that of the use around it", () =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door({ maxConnections: 4 })
      const named = yield* Effect.promise(() =>
        promises.use(async () => {
          const inner = await promises.acquire()
          const own = await promises.acquire({ label: "audit" })
          const leases = await Effect.runPromise(pool.leases)
          inner.release()
          own.release()
          return leases.map(({ holder }) => holder)
        }, { label: "GET /orders/:id" })
      )
      assert.deepStrictEqual(named.map(({ span }) => span), ["GET /orders/:id", "GET /orders/:id", "audit"])
      const [outer, inner, own] = named.map(({ fiber }) => fiber)
      assert.match(outer!, /^promise #\d+$/)
      assert.strictEqual(inner, outer)
      assert.notStrictEqual(own, outer)
      const lease = yield* Effect.promise(() => promises.acquire())
      assert.notProperty((yield* pool.leases)[0]!.holder, "span")
      lease.release()
    }))

  it.scoped("is not named after a use that has ended, whatever its end", () =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door({ maxConnections: 1 })
      for (const ends of [() => {}, () => Promise.reject(new Error("broken"))]) {
        const late = yield* Effect.promise(async () => {
          let late!: Promise<PromisePool.PromiseLease<unknown>>
          const work = () => {
            late = new Promise((resolve) => setImmediate(() => resolve(promises.acquire())))
            return ends()
          }
          await promises.use(work, { label: "GET /" }).catch(() => {})
          return late
        })
        assert.notProperty((yield* pool.leases)[0]!.holder, "span")
        late.release()
      }
    }))

  it.scoped("is named in errors", () =>
    Effect.gen(function*() {
      const { promises } = yield* door({ maxConnections: 1 })
      const lease = yield* Effect.promise(() => promises.acquire({ label: "GET /" }))
      const error = yield* Effect.promise(() => failure(promises.acquire({ timeout: 0 })))
      assert.match((error as Error).message, /longest held by promise #\d+ called "GET \/" for 0 ms/)
      lease.release()
    }))
})

/** Asserts that a borrow fails at once because it would wait for itself, and returns the leases that its caller has. */
const heldByDeadlocked = async (borrow: Promise<unknown>): Promise<number> => {
  const error = await failure(borrow)
  assert.instanceOf(error, PoolExhaustedError)
  const { heldByCaller, reason, waitedMillis } = error as PoolExhaustedError
  assert.deepStrictEqual({ reason, waitedMillis }, { reason: "SelfDeadlock", waitedMillis: 0 })
  return heldByCaller
}

describe("a call within use, when the calls around it hold all there is,", () => {
  const verbs: ReadonlyArray<readonly [string, (promises: Promises) => Promise<unknown>]> = [
    ["use", (promises) => promises.use(() => {})],
    ["acquire", (promises) => promises.acquire()]
  ]
  it.scoped.each(verbs)("fails at once: %s", ([_, verb]) =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door({ maxConnections: 2 })
      const held = yield* Effect.promise(() =>
        promises.use(async () => {
          await Promise.resolve()
          return promises.use(() => heldByDeadlocked(verb(promises)))
        })
      )
      assert.strictEqual(held, 2)
      assert.deepInclude(yield* pool.stats, { leased: 0, idle: 2 })
    }))

  const waits: ReadonlyArray<readonly [string, (promises: Promises, verb: () => Promise<number>) => Promise<number>]> =
    [
      ["another holds one, too", async (promises, verb) => {
        const other = await promises.acquire()
        const inner = promises.use(() => verb())
        await new Promise((next) => setImmediate(next))
        assert.strictEqual(promises.stats().pending, 1)
        other.release()
        return inner
      }],
      ["one beside it holds one, too", (promises, verb) =>
        promises.use(async () => {
          const both = Promise.all([verb(), verb()])
          return (await both)[1]
        })],
      ["the use has ended", async (promises, verb) => {
        let late!: Promise<number>
        await promises.use(() => {
          late = new Promise((resolve) => setImmediate(() => resolve(verb())))
        })
        const others = [await promises.acquire(), await promises.acquire()]
        await new Promise((next) => setImmediate(next))
        for (const other of others) other.release()
        return late
      }]
    ]
  it.scoped.each(waits)("waits if %s", ([_, play]) =>
    Effect.gen(function*() {
      const { promises } = yield* door({ maxConnections: 2 })
      const verb = () => promises.use(async ({ id }) => id)
      const got = yield* settledLater(play(promises, verb))
      assert.include([1, 2], got)
    }))

  it.scoped("waits if a fiber holds one, too", () =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door({ maxConnections: 1 })
      const inner = yield* pool.use(() => Effect.sync(() => settledLater(promises.use(({ id }) => id))))
      assert.strictEqual(yield* inner, 1)
      const fiber = yield* Effect.promise(() => promises.use(async () => Effect.runFork(pool.use(id))))
      assert.strictEqual(yield* Fiber.join(fiber), 1)
    }))
})

describe("the context of a promise borrower", () => {
  it.scoped("is its own, whoever releases", () =>
    Effect.gen(function*() {
      const { promises } = yield* door({ maxConnections: 1 })
      const store = new AsyncLocalStorage<string>()
      const lease = yield* Effect.promise(() => promises.acquire())
      const waiters = ["first", "second"].map((name) =>
        store.run(name, () => promises.use(async () => store.getStore()).then((got) => [got, store.getStore()]))
      )
      store.run("releaser", () => lease.release())
      assert.deepStrictEqual(yield* Effect.promise(() => Promise.all(waiters)), [["first", "first"], [
        "second",
        "second"
      ]])
    }))

  it("remembers no call that has ended, however often one follows another", () => {
    let caller = new Caller(undefined)
    for (let i = 0; i < 100; i++) {
      const next = runWithin(caller, () => new Caller(enclosing()), undefined)
      caller.hasEnded = true
      caller = next
    }
    const last = runWithin(caller, () => enclosing(), undefined)
    let depth = 0
    for (let one = last; one !== undefined; one = one.parent) depth++
    assert.strictEqual(last, caller)
    assert.isAtMost(depth, 2)
  })
})
