// On the real clock: the virtual one needs no turn of the event loop.
import { type ConnectionPool, Pool } from "@socketpool/core"
import { async, fork, yieldNow } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Fiber } from "effect"
import { HandOffs } from "../src/internal/handOffs.js"
import { Lease, Slot, Waiter } from "../src/internal/state.js"
import { setup } from "./setup.js"

/** A timer, and a read of a file, come in far fewer. */
const mostHandOffs = 500_000

/** Borrowers that hand two connections round, and wait for nothing else, while `goesOn` says so. */
const spin = (pool: ConnectionPool<unknown, unknown>, goesOn: () => boolean) =>
  Effect.forEach(
    Array.from({ length: 50 }),
    () => Effect.whileLoop({ while: goesOn, body: () => pool.use(() => yieldNow), step: () => {} }),
    { concurrency: "unbounded", discard: true }
  )

const setupLive = Effect.gen(function*() {
  const connector = ScriptedConnector.make()
  const pool = yield* Pool.make({ open: connector.open, maxConnections: 2 })
  yield* Effect.addFinalizer(() =>
    Effect.map(pool.stats, (stats) => {
      assert.deepStrictEqual(connector.audit(stats), [])
      assert.deepStrictEqual([stats.inUse, stats.pending], [0, 0])
    })
  )
  return pool
})

describe("borrowers that hand connections to each other without a pause", () => {
  const events: ReadonlyArray<readonly [string, (done: () => void) => void]> = [
    ["a timer", (done) => void setTimeout(done, 5)],
    ["input and output", (done) => void setImmediate(() => setImmediate(done))]
  ]

  it.scopedLive.each(events)("let %s of the process have its turn", ([_, begin]) =>
    Effect.gen(function*() {
      const pool = yield* setupLive
      let handOffs = 0
      let rangAfter = Infinity
      begin(() => rangAfter = handOffs)
      yield* spin(pool, () => ++handOffs < mostHandOffs && rangAfter === Infinity)
      assert.isBelow(rangAfter, mostHandOffs)
    }))

  it.scopedLive("let the deadline of one of them ring", () =>
    Effect.gen(function*() {
      const pool = yield* setupLive
      let handOffs = 0
      const others = yield* fork(spin(pool, () => ++handOffs < mostHandOffs))
      yield* pool.use(() => Effect.never).pipe(Effect.timeoutOption("5 millis"))
      assert.isBelow(handOffs, mostHandOffs)
      yield* Fiber.interrupt(others)
    }))

  it.scopedLive("lose none when some are interrupted in the turn before they are resumed", () =>
    Effect.gen(function*() {
      const pool = yield* setupLive
      let [goesOn, handOffs] = [true, 0]
      const mayGoOn = () => goesOn && ++handOffs < mostHandOffs
      const [one, two] = [yield* fork(spin(pool, mayGoOn)), yield* fork(spin(pool, mayGoOn))]
      for (let turn = 0; turn < 5; turn++) yield* async<void>((resume) => void setTimeout(() => resume(Effect.void)))
      yield* Fiber.interrupt(one)
      yield* async<void>((resume) => void setTimeout(() => resume(Effect.void)))
      assert.isBelow(handOffs, mostHandOffs)
      goesOn = false
      yield* Fiber.join(two)
    }))

  it.scoped("need no turn of a clock that stands still", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 })
      let handOffs = 0
      yield* spin(pool, () => ++handOffs < 10_000)
    }))
})

describe("the limit of hand-offs in one turn", () => {
  /** Hand-offs that come a millisecond after each other; the event loop turns when it is told to. */
  const setupBare = () => {
    const resumed: Array<number> = []
    const turns: Array<() => void> = []
    const fork: any = () => ({ addObserver: (turned: () => void) => turns.push(turned) })
    let now = 0
    const handOffs = new HandOffs({ fork, now: () => now })
    const waiters = Array.from({ length: 100 }, (_, i) => {
      const holder: any = {}
      const waiter = new Waiter<unknown>(holder, undefined, 0, 0, false, undefined)
      waiter.wake = () => resumed.push(i)
      return waiter
    })
    const resume = (waiter: Waiter<unknown>) => {
      waiter.lease = new Lease(new Slot(1, 0, 0), waiter.holder, undefined, ++now)
      handOffs.resume(waiter)
    }
    return { resume, resumed, turns, waiters }
  }

  it("keeps the order, and resumes everybody in a later turn", () => {
    const { resume, resumed, turns, waiters } = setupBare()
    for (const waiter of waiters) resume(waiter)
    assert.strictEqual(resumed.length, 25)
    assert.strictEqual(turns.length, 1)
    turns.shift()!()
    assert.deepStrictEqual(resumed, waiters.map((_, i) => i))
  })

  it("does not resume who was interrupted meanwhile", () => {
    const { resume, resumed, turns, waiters } = setupBare()
    for (const waiter of waiters) resume(waiter)
    waiters[60]!.wake = undefined
    turns.shift()!()
    assert.strictEqual(resumed.length, 99)
    assert.notInclude(resumed, 60)
  })

  it("starts anew with each turn, and holds nobody while the event loop turns", () => {
    const { resume, resumed, turns, waiters } = setupBare()
    let begun = 0
    for (const [i, waiter] of waiters.entries()) {
      resume(waiter)
      assert.strictEqual(resumed.length, i + 1)
      if (turns.length > 0) begun++
      turns.shift()?.()
    }
    assert.strictEqual(begun, 4)
  })
})
