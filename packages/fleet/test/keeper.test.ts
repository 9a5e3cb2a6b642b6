// The messages of a process to the store of its budget, and its life without the store. The store is in memory.
import { type Budget, type ConnectionPool, Pool } from "@socketpool/core"
import { BudgetUnavailable, FleetBudget } from "@socketpool/fleet"
import { exitOf, fork, provideScope, TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Interruptions, Rng } from "@socketpool/testing"
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { World } from "./fixtures/world.js"

const limit = 8

const world = (noticesCuts = false) => {
  const made = new World(Rng.make(1), 1_000, noticesCuts)
  made.isBad = false
  return made
}

interface Process {
  readonly budget: Budget.Budget
  readonly pool: ConnectionPool<object, never>
  readonly events: Array<string>
  readonly server: { open: number; opened: number }
}

/** A process with one pool. */
const start = (
  store: World,
  holder: string,
  options: Partial<FleetBudget.Options> = {},
  poolOptions: Partial<Pool.Options<object, never, never>> = {}
): Effect.Effect<Process, BudgetUnavailable, Scope.Scope> =>
  Effect.gen(function*() {
    const budget = yield* FleetBudget.make({ name: "fleet", maxConnections: limit, holder, ...options }, store.connect)
    const events: Array<string> = []
    yield* fork(Stream.runForEach(budget.events, ({ _tag }) => Effect.sync(() => void events.push(_tag))))
    const server = { open: 0, opened: 0 }
    const open = Effect.acquireRelease(
      Effect.sync((): object => {
        server.open++
        server.opened++
        return {}
      }),
      () => Effect.sync(() => void server.open--)
    )
    const pool = yield* Pool.make({ name: holder, open, budget, maxConnections: 20, maxConnecting: 20, ...poolOptions })
    yield* Effect.addFinalizer(() => fork(TestClock.adjust("1 minute")))
    return { budget, events, pool, server }
  })

/** Holds so many connections until it is interrupted. */
const hold = ({ pool }: Process, count: number) =>
  fork(Effect.all(Array.from({ length: count }, () => pool.use(() => Effect.never)), { concurrency: "unbounded" }))

/** Lets time pass until something is so. */
const settle = (done: () => boolean) =>
  Effect.gen(function*() {
    for (let i = 0; i < 200 && !done(); i++) {
      yield* Effect.promise(() => new Promise((next) => setImmediate(next)))
      yield* TestClock.adjust("50 millis")
    }
    return done()
  })

const lifecycle = (events: ReadonlyArray<string>) => events.filter((tag) => tag === "Lost" || tag === "Regained")

/** The most calls within one second. */
const busiest = (calls: ReadonlyArray<number>): number =>
  Math.max(...calls.map((at) => calls.filter((other) => other >= at && other < at + 1_000).length))

describe("a process", () => {
  it.scoped("asks at once for the first borrower", () =>
    Effect.gen(function*() {
      const a = yield* start(world(), "a")
      const holder = yield* hold(a, 3)
      yield* TestClock.adjust(0)
      expect(a.server.open).toBe(3)
      yield* Fiber.interrupt(holder)
    }))

  it.scoped("gets what comes free while it still has to give a place back", () =>
    Effect.gen(function*() {
      const store = world()
      const a = yield* start(store, "a", { ttl: "1 minute" })
      const b = yield* start(store, "b", { ttl: "1 minute" })
      const six = yield* hold(a, 6)
      const two = yield* hold(b, 2)
      yield* settle(() => a.server.open + b.server.open === limit)
      const third = yield* hold(b, 1)
      const isAsked = yield* settle(() => a.events.includes("Reclaimed"))
      const seventh = yield* hold(a, 1)
      yield* Fiber.interrupt(third)
      yield* Fiber.interrupt(two)
      // A heartbeat would come after 20 seconds.
      const isServed = yield* settle(() => a.server.open === 7)
      expect([isAsked, isServed, a.server.opened]).toEqual([true, true, 7])
      yield* Fiber.interrupt(six)
      yield* Fiber.interrupt(seventh)
    }))

  it.scoped("gets idle places of another within half a second", () =>
    Effect.gen(function*() {
      const store = world()
      const [a, b] = [yield* start(store, "a"), yield* start(store, "b")]
      const first = yield* hold(a, 8)
      yield* TestClock.adjust("1 second")
      expect(a.server.open).toBe(8)
      yield* a.pool.use(() => Effect.void).pipe(Effect.timeout(0), Effect.ignore)
      yield* fork(Fiber.interrupt(first))
      yield* TestClock.adjust("1 second")
      const second = yield* hold(b, 8)
      yield* TestClock.adjust("500 millis")
      expect(b.server.open).toBe(8)
      yield* Fiber.interrupt(second)
    }))

  it.scoped("leaves busy places above its share as their leases end", () =>
    Effect.gen(function*() {
      const store = world()
      const [a, b] = [yield* start(store, "a"), yield* start(store, "b")]
      const serve = (process: Process) =>
        fork(Effect.forEach(Array.from({ length: 20 }), () =>
          Effect.forever(process.pool.use(() =>
            Effect.sleep("5 millis")
          )), { concurrency: "unbounded" }))
      const first = yield* serve(a)
      yield* TestClock.adjust("1 second")
      expect([a.server.open, b.server.open]).toEqual([8, 0])
      const second = yield* serve(b)
      yield* TestClock.adjust("500 millis")
      expect([a.server.open, b.server.open]).toEqual([4, 4])
      // And then nothing moves any more.
      const opened = a.server.opened + b.server.opened
      yield* TestClock.adjust("10 seconds")
      expect(a.server.opened + b.server.opened).toBe(opened)
      yield* Effect.all([Fiber.interrupt(first), Fiber.interrupt(second)])
    }))

  it.scoped("gives places back that nobody uses, after linger", () =>
    Effect.gen(function*() {
      const store = world()
      const a = yield* start(store, "a", { linger: "250 millis" }, { idleTimeout: "1 second" })
      yield* a.pool.use(() => Effect.void)
      yield* TestClock.adjust("1 second")
      expect([a.server.open, store.held]).toEqual([0, 1])
      yield* TestClock.adjust("249 millis")
      expect(store.held).toBe(1)
      yield* TestClock.adjust("1 millis")
      expect(store.held).toBe(0)
    }))

  it.scoped("asks nothing for a lease, and tells that it lives three times in ttl", () =>
    Effect.gen(function*() {
      const store = world()
      const a = yield* start(store, "a", { ttl: "9 seconds" })
      yield* a.pool.use(() => Effect.void)
      yield* TestClock.adjust("3 seconds")
      const before = store.calls.length
      yield* Effect.forEach(Array.from({ length: 1_000 }), () => a.pool.use(() => Effect.void))
      expect(store.calls.length).toBe(before)
      yield* TestClock.adjust("9 seconds")
      expect(store.calls.length - before).toBe(3)
    }))

  it.scoped("asks at most ten times in any second, whatever its pools want", () =>
    Effect.gen(function*() {
      const store = world()
      const a = yield* start(store, "a", { linger: 0 }, { idleTimeout: "1 millis" })
      const b = yield* start(store, "b", { linger: 0 }, { idleTimeout: "1 millis" })
      const rng = Rng.make(7)
      const churn = (process: Process) =>
        Effect.forever(Effect.suspend(() =>
          Effect.andThen(Effect.sleep(rng.between(1, 60)), process.pool.use(() => Effect.sleep(rng.between(0, 20))))
        ))
      const fibers = yield* fork(Effect.all(
        [a, b].flatMap((process) =>
          Array.from({ length: 10 }, () => churn(process))
        ),
        { concurrency: "unbounded" }
      ))
      yield* TestClock.adjust("20 seconds")
      expect(store.calls.length).toBeGreaterThan(100)
      // Both together.
      expect(busiest(store.calls)).toBeLessThanOrEqual(20)
      yield* Fiber.interrupt(fibers)
    }))

  it.scoped("shares the smallest limit, and tells of it", () =>
    Effect.gen(function*() {
      const store = world()
      const a = yield* start(store, "a")
      const holder = yield* hold(a, 8)
      yield* TestClock.adjust("1 second")
      const scope = yield* Scope.make()
      yield* provideScope(start(store, "b", { maxConnections: 5 }), scope)
      yield* TestClock.adjust("5 seconds")
      expect((yield* a.budget.usage).limit).toBe(5)
      expect(a.events).toContain("LimitChanged")
      yield* a.budget.resize(3)
      yield* TestClock.adjust("1 second")
      expect((yield* a.budget.usage).limit).toBe(3)
      const defect = yield* Effect.sandbox(a.budget.resize(1e9)).pipe(Effect.flip)
      expect(String(defect)).toContain("Budget.resize: maxConnections must be a whole number from 0 to 1000000, but is")
      yield* Fiber.interrupt(holder)
      yield* fork(Scope.close(scope, Exit.void))
    }))
})

describe("without the store", () => {
  it.scoped("leases go on, nothing is opened, and connections stay", () =>
    Effect.gen(function*() {
      const store = world()
      const a = yield* start(store, "a", { ttl: "3 seconds" })
      const holder = yield* hold(a, 2)
      yield* TestClock.adjust("1 second")
      store.isDown = true
      yield* TestClock.adjust("5 seconds")
      expect(lifecycle(a.events)).toEqual(["Lost"])
      expect((yield* a.budget.usage).fleet).toMatchObject({ granted: 2, isLost: true })
      const more = yield* hold(a, 1)
      const refused = yield* fork(Effect.flip(a.pool.acquireWith({ timeout: "1 second" })))
      yield* TestClock.adjust("5 seconds")
      expect(a.server.open).toBe(2)
      const error = yield* Fiber.join(refused)
      expect(error).toMatchObject({ budget: { name: "fleet", limit, heldHere: 2, isLost: true } })
      expect(error.message).toContain("and it grants none, because its store cannot be reached")
      expect(error.message).toContain("Try to look for the store of the budget in the log.")
      store.isDown = false
      yield* TestClock.adjust("2 seconds")
      expect(lifecycle(a.events)).toEqual(["Lost", "Regained"])
      expect(a.server.open).toBe(3)
      yield* Effect.all([Fiber.interrupt(holder), Fiber.interrupt(more)])
    }))

  it.scoped("a connection that closes is not opened again", () =>
    Effect.gen(function*() {
      const store = world()
      const a = yield* start(store, "a", { ttl: "3 seconds" }, { connectionTTL: "6 seconds", ttlJitter: 0 })
      yield* a.pool.use(() => Effect.void)
      store.isDown = true
      yield* TestClock.adjust("5 seconds")
      const waiting = yield* fork(a.pool.use(() => Effect.never))
      yield* TestClock.adjust("5 seconds")
      expect(a.server.open).toBe(1)
      yield* Fiber.interrupt(waiting)
      yield* TestClock.adjust("5 seconds")
      expect(a.server.open).toBe(0)
      expect((yield* a.budget.usage).fleet).toMatchObject({ granted: 0 })
    }))

  it.scoped.each(
    [
      ["after ttl", false, "2999 millis"],
      ["after three quarters of reclaimDelay, if the store notices a cut", true, "749 millis"]
    ] as const
  )("connections close %s, with onLost shed", ([, noticesCuts, until]) =>
    Effect.gen(function*() {
      const store = world(noticesCuts)
      const a = yield* start(store, "a", { ttl: "3 seconds", onLost: "shed" })
      yield* a.pool.use(() => Effect.void)
      const lease = yield* hold(a, 1)
      yield* TestClock.adjust(0)
      store.isDown = true
      store.cut("a")
      yield* TestClock.adjust(until)
      expect([a.server.open, ...lifecycle(a.events)]).toEqual([1])
      yield* TestClock.adjust("2 seconds")
      expect(lifecycle(a.events)).toEqual(["Lost"])
      // The lease is not cut short.
      expect(a.server.open).toBe(1)
      yield* Fiber.interrupt(lease)
      yield* TestClock.adjust("1 second")
      expect(a.server.open).toBe(0)
    }))

  it.scoped("a call that hangs does not hold up the loss", () =>
    Effect.gen(function*() {
      const store = world(true)
      store.timeoutMillis = 10_000
      const a = yield* start(store, "a", { ttl: "30 seconds", onLost: "shed" })
      yield* a.pool.use(() => Effect.void)
      store.silence = yield* Deferred.make<void>()
      store.cut("a")
      yield* TestClock.adjust("749 millis")
      expect([a.server.open, ...lifecycle(a.events)]).toEqual([1])
      yield* TestClock.adjust("1 millis")
      expect([a.server.open, ...lifecycle(a.events)]).toEqual([0, "Lost"])
      const silence = store.silence
      store.silence = undefined
      yield* Deferred.succeed(silence, undefined)
      yield* TestClock.adjust("1 second")
      expect(lifecycle(a.events)).toEqual(["Lost", "Regained"])
      expect([a.server.open, store.held]).toEqual([0, 0])
    }))

  it.scoped("it fails at the start", () =>
    Effect.gen(function*() {
      const store = world()
      store.isDown = true
      const starting = yield* fork(Effect.flip(start(store, "a")))
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(starting)
      expect(error).toBeInstanceOf(BudgetUnavailable)
      expect(error).toMatchObject({ reason: "Unreachable", budget: "fleet" })
      expect(error.message).toBe(
        `Budget "fleet": cannot reach the world: it is scripted. Check that it runs, and the address and the login.`
      )
      expect(store.isEmpty).toBe(true)
    }))

  it.scoped("it opens as many as whenUnavailable says, and joins later", () =>
    Effect.gen(function*() {
      const store = world()
      store.isDown = true
      const starting = yield* fork(start(store, "a", { whenUnavailable: { open: 2 } }))
      yield* TestClock.adjust("1 second")
      const a = yield* Fiber.join(starting)
      const holder = yield* hold(a, 5)
      yield* TestClock.adjust("6 seconds")
      expect(a.server.open).toBe(2)
      store.isDown = false
      yield* TestClock.adjust("2 seconds")
      expect([a.server.open, store.held]).toEqual([5, 5])
      yield* Fiber.interrupt(holder)
    }))
})

describe("an interruption at any step", () => {
  it.effect(
    "of making a budget, and of a borrower that waits for a place, loses no place",
    () =>
      Effect.gen(function*() {
        const report = yield* Interruptions.explore((forkSubject) =>
          Effect.gen(function*() {
            const problems: Array<string> = []
            const store = world()
            const outer = yield* Scope.make()
            const b = yield* Effect.orDie(provideScope(start(store, "b"), outer))
            const first = yield* hold(b, 8)
            yield* settle(() => b.server.open === 8)
            const server = { open: 0 }
            const open = Effect.acquireRelease(
              Effect.sync(() => void server.open++),
              () => Effect.sync(() => void server.open--)
            )
            const subject = Effect.scoped(Effect.gen(function*() {
              const budget = yield* FleetBudget.make(
                { name: "fleet", maxConnections: limit, holder: "a" },
                store.connect
              )
              const pool = yield* Pool.make({ open, budget, drainTimeout: 0 })
              yield* pool.use(() => Effect.void)
            }))
            const fiber = yield* forkSubject(Effect.orDie(subject))
            const ending = yield* fork(Fiber.interrupt(first))
            if (!(yield* settle(() => exitOf(fiber) !== undefined && exitOf(ending) !== undefined))) {
              problems.push("it never ends")
            }
            if (server.open > 0) problems.push(`${server.open} connections are left`)
            // All places can be had again.
            const again = yield* hold(b, 8)
            if (!(yield* settle(() => b.server.open === 8))) {
              problems.push(`only ${b.server.open} of 8: ${store.describe()}`)
            }
            const closing = yield* fork(Effect.andThen(Fiber.interrupt(again), Scope.close(outer, Exit.void)))
            if (!(yield* settle(() => exitOf(closing) !== undefined))) problems.push("it does not close")
            if (!store.isEmpty) problems.push(`the store still knows ${store.describe()}`)
            return problems
          })
        )
        expect(report.violations).toEqual([])
        expect(report.steps).toBeGreaterThanOrEqual(50)
      }),
    180_000
  )
})

describe("what a process hears", () => {
  it.scoped.each(
    [
      ["after ttl", 5_000, false],
      ["after a part of reclaimDelay, if its connection was cut", 2_000, true]
    ] as const
  )("is worth nothing %s, as others may have got the places", ([, pause, isCut]) =>
    Effect.gen(function*() {
      const pauses = [0, pause]
      const told: Array<number> = []
      const connect: FleetBudget.Connect = (_, signal) =>
        Effect.succeed({
          name: "a slow one",
          timeoutMillis: 60_000,
          noticesCuts: isCut,
          sync: (report) => {
            if (told.push(report.held) === 2 && isCut) signal("Cut")
            const held = report.held + report.wanted
            return Effect.delay(
              Effect.succeed({ held, shed: 0, othersWant: 0, limit, holders: [], waitMillis: Infinity }),
              pauses.shift() ?? 0
            )
          },
          leave: Effect.void
        })
      const budget = yield* FleetBudget.make({ name: "fleet", maxConnections: limit, ttl: "3 seconds" }, connect)
      let opened = 0
      const pool = yield* Pool.make({ open: Effect.sync(() => ({ id: ++opened })), budget })
      yield* Effect.addFinalizer(() => fork(TestClock.adjust("1 minute")))
      const lease = yield* fork(pool.use(() => Effect.never))
      yield* TestClock.adjust(pause - 1)
      expect(opened).toBe(0)
      yield* TestClock.adjust("1 second")
      // It has told again that it has none, and got one.
      expect(told.slice(0, 3)).toEqual([0, 0, 0])
      expect(opened).toBe(1)
      yield* Fiber.interrupt(lease)
    }))
})

describe("what a process tells", () => {
  it.scoped("includes places that no connection takes up, which its pools may use at any moment", () =>
    Effect.gen(function*() {
      const told: Array<FleetBudget.Report> = []
      const connect: FleetBudget.Connect = () =>
        Effect.succeed({
          name: "a list",
          timeoutMillis: 1_000,
          noticesCuts: false,
          sync: (report) => {
            told.push(report)
            return Effect.succeed({
              held: report.held + report.wanted,
              shed: 0,
              othersWant: 0,
              limit,
              holders: [],
              waitMillis: Infinity
            })
          },
          leave: Effect.void
        })
      const budget = yield* FleetBudget.make({ name: "fleet", maxConnections: limit, linger: "10 seconds" }, connect)
      const broken = yield* Pool.make({ name: "broken", open: Effect.fail("no server"), budget })
      yield* Effect.addFinalizer(() => fork(TestClock.adjust("1 minute")))
      yield* Effect.ignore(broken.use(() => Effect.void))
      // It asks again.
      const calls = told.length
      yield* budget.resize(limit)
      yield* TestClock.adjust("1 second")
      expect(told.length).toBeGreaterThan(calls)
      expect(told.at(-1)!.held).toBe(1)
    }))
})
