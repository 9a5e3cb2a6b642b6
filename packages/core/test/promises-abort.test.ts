// An abort ends a wait, at every point at which it can come.
import { Pool } from "@socketpool/core"
import { provideScope } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Scope } from "effect"
import { Timeline } from "./model/timeline.js"
import { door, failure, settledLater } from "./promises/door.js"
import { settled } from "./setup.js"

/** Lets as many promise reactions run, one after the other. */
const reactions = async (count: number) => {
  for (let i = 0; i < count; i++) await undefined
}

const full = { maxConnections: 1 }

describe("an abort", () => {
  for (const verb of ["acquire", "use"] as const) {
    type Door = Effect.Effect.Success<ReturnType<typeof door>>["promises"]
    const borrow = (promises: Door, signal: AbortSignal): Promise<unknown> =>
      verb === "acquire" ? promises.acquire({ signal }) : promises.use(async ({ id }) => id, { signal })

    it.scoped(`before ${verb} borrows nothing`, () =>
      Effect.gen(function*() {
        const { pool, promises } = yield* door(full)
        const error = yield* Effect.promise(() => failure(borrow(promises, AbortSignal.abort())))
        assert.strictEqual((error as Error).name, "AbortError")
        const reason = yield* Effect.promise(() => failure(borrow(promises, AbortSignal.abort("enough"))))
        assert.strictEqual(reason, "enough")
        assert.deepInclude(yield* pool.stats, { acquired: 0, opened: 0, pending: 0 })
      }))

    it.scoped(`while ${verb} waits takes it out of the queue at once`, () =>
      Effect.gen(function*() {
        const { pool, promises } = yield* door(full)
        const lease = yield* Effect.promise(() => promises.acquire())
        const controller = new AbortController()
        const waiter = settledLater(failure(borrow(promises, controller.signal)))
        assert.deepInclude(promises.stats(), { pending: 1 })
        controller.abort("enough")
        assert.deepInclude(promises.stats(), { pending: 0, cancelled: 1 })
        assert.strictEqual(yield* waiter, "enough")
        lease.release()
        assert.deepInclude(yield* pool.stats, { idle: 1, leased: 0 })
      }))

    it.scoped(`at any point around the hand-off to ${verb} loses no lease and doubles none`, () =>
      Effect.gen(function*() {
        const { pool, promises } = yield* door(full)
        const ends = new Set<string>()
        const abortAt = async (point: number) => {
          const lease = await promises.acquire()
          const controller = new AbortController()
          const borrowed = borrow(promises, controller.signal)
          if (point < 0) controller.abort("enough")
          lease.release()
          if (point > 0) await reactions(point)
          controller.abort("enough")
          const got = await borrowed.catch((reason: unknown) => reason)
          ends.add(got === "enough" ? "rejected" : "resolved")
          if (typeof got === "object") (got as { release: () => void }).release()
        }
        for (let point = -1; point < 12; point++) {
          yield* Effect.promise(() => abortAt(point))
          assert.deepInclude(yield* pool.stats, { leased: 0, idle: 1, pending: 0 })
        }
        assert.deepStrictEqual([...ends].sort(), ["rejected", "resolved"])
      }))
  }

  it.scoped("after the wait has failed changes nothing", () =>
    Effect.gen(function*() {
      const { promises } = yield* door({ ...full, maxPending: 1 })
      const lease = yield* Effect.promise(() => promises.acquire())
      const controller = new AbortController()
      const waiter = settledLater(failure(promises.acquire({ signal: controller.signal })))
      const closed = settledLater(promises.close())
      // The waiter has failed, and has not gone on yet.
      assert.deepInclude(promises.stats(), { pending: 0, cancelled: 0 })
      controller.abort("enough")
      assert.strictEqual((yield* waiter as Effect.Effect<{ _tag: string }>)._tag, "PoolClosedError")
      assert.deepInclude(promises.stats(), { cancelled: 0 })
      lease.release()
      yield* closed
    }))

  it.scoped("while f runs leaves it its connection, which closes if f rejects then", () =>
    Effect.gen(function*() {
      const { pool, promises } = yield* door(full)
      for (const [ends, idle] of [["resolve", 1], ["reject", 0]] as const) {
        const controller = new AbortController()
        const parts = parted()
        const used = settledLater(promises.use(() => parts.promise, { signal: controller.signal }).catch(String))
        yield* settled
        controller.abort()
        yield* settled
        assert.deepInclude(yield* pool.stats, { leased: 1 })
        parts[ends]("f's own end")
        assert.strictEqual(yield* used, "f's own end")
        assert.deepInclude(yield* pool.stats, { leased: 0, idle })
      }
    }))

  it.scoped("leaves no listener behind, whatever became of the borrower", () =>
    Effect.gen(function*() {
      const { promises } = yield* door(full)
      const listeners = new Set<() => void>()
      const signal = {
        aborted: false,
        reason: undefined,
        addEventListener: (_: "abort", listener: () => void) => void listeners.add(listener),
        removeEventListener: (_: "abort", listener: () => void) => void listeners.delete(listener)
      }
      const lease = yield* Effect.promise(() => promises.acquire({ signal }))
      assert.strictEqual(listeners.size, 0)
      const served = settledLater(promises.use(() => listeners.size, { signal }))
      const aborted = settledLater(failure(promises.acquire({ signal })))
      assert.strictEqual(listeners.size, 2)
      ;[...listeners][1]!()
      yield* aborted
      lease.release()
      assert.strictEqual(yield* served, 0)
      assert.strictEqual(listeners.size, 0)
    }))
})

/** Time goes on, but the timers of the process have no turn before `turn`: hand-offs are held back. */
const heldBack = async () => {
  const timeline = new Timeline()
  const done = <A>(effect: Effect.Effect<A>): A => {
    const exit = timeline.call(effect)
    if (exit._tag === "Failure") throw new Error(String(exit.cause))
    return exit.value
  }
  const connector = ScriptedConnector.make()
  const pool = done(provideScope(Pool.make({ open: connector.open, maxConnections: 1 }), done(Scope.make())))
  const promises = Pool.promises(pool)
  const opened = promises.acquire()
  timeline.settle()
  const first = await opened
  timeline.now += 1_000
  const second = promises.acquire()
  first.release()
  timeline.now += 1_000
  const lease = await second
  const end = async () => {
    const closed = promises.close()
    await new Promise((next) => setImmediate(next))
    timeline.settle()
    await closed
    assert.deepInclude(promises.stats(), { leased: 0, pending: 0, opened: connector.closed })
  }
  const drop = (id: number) => done(Effect.orDie(pool.drop(connector.connection(id))))
  return { drop, end, lease, promises, turn: () => timeline.settle() }
}

describe("while a hand-off is held back", () => {
  it("an abort gives the connection to the next", async () => {
    const { end, lease, promises, turn } = await heldBack()
    const controller = new AbortController()
    const first = failure(promises.acquire({ signal: controller.signal }))
    const second = promises.use(({ id }) => id)
    lease.release()
    await reactions(20)
    // The first has the connection, and has not been told yet.
    assert.deepInclude(promises.stats(), { leased: 1, pending: 1, acquired: 2 })
    controller.abort("enough")
    assert.deepInclude(promises.stats(), { leased: 1, pending: 0, acquired: 2 })
    assert.strictEqual(await first, "enough")
    turn()
    assert.strictEqual(await second, 1)
    await end()
  })

  it("a borrower whose connection is dropped meanwhile waits for another", async () => {
    const { drop, end, lease, promises, turn } = await heldBack()
    const first = promises.use(({ id }) => id)
    const second = promises.use(({ id }) => id)
    lease.release()
    assert.deepInclude(promises.stats(), { leased: 1, pending: 1, acquired: 2 })
    drop(1)
    turn()
    await reactions(20)
    turn()
    assert.deepStrictEqual([await first, await second], [2, 2])
    await end()
  })
})

const parted = () => {
  let resolve!: (value: string) => void
  let reject!: (reason: string) => void
  const promise = new Promise<string>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
