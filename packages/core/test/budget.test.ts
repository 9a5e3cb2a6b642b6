// Pools that share the places of a budget.
import { Budget, KeyedPool, Pool, PoolSchemas } from "@socketpool/core"
import { encode, exitOf, fork, provideScope, result, TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Rng, ScriptedConnector } from "@socketpool/testing"
import { Cause, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { Shares } from "../src/internal/budget/shares.js"
import { audited, id, type Options, type Script, settled, type TestPool, warmUp } from "./setup.js"

/** Pools over one server, which counts their connections. */
const shared = (
  budgetOptions: Budget.Options,
  pools: Readonly<Record<string, Options>>,
  script: Script = {}
) =>
  Effect.gen(function*() {
    const budget = yield* Budget.make(budgetOptions)
    const made: Record<string, TestPool> = {}
    const connectors: Record<string, ScriptedConnector.ScriptedConnector> = {}
    const server = { open: 0, peak: 0, opens: 0 }
    for (const [name, options] of Object.entries(pools)) {
      const connector = ScriptedConnector.make(script)
      connectors[name] = connector
      const counted = Effect.acquireRelease(
        Effect.sync(() => {
          server.opens++
          server.peak = Math.max(server.peak, ++server.open)
        }),
        () => Effect.sync(() => server.open--)
      )
      const open = Effect.andThen(counted, connector.open)
      made[name] = yield* audited(connector, Pool.make({ open, ttlJitter: 0, name, budget, ...options }))
    }
    return { budget, connectors, pools: made, server }
  })

const held = (budget: Budget.Budget) =>
  Effect.map(budget.usage, ({ held, pools, wanted }) => [held, wanted, ...pools.map(({ held }) => held)])

/** Holds so many connections of a pool until it is interrupted. */
const hold = (pool: TestPool, count: number) =>
  Effect.tap(
    fork(Effect.all(Array.from({ length: count }, () => pool.use(() => Effect.never)), {
      concurrency: "unbounded"
    })),
    () => settled
  )

describe("pools with a budget", () => {
  it.scoped("have no more connections together than it has places, those that close included", () =>
    Effect.gen(function*() {
      const { budget, pools: { a, b }, server } = yield* shared(
        { maxConnections: 3 },
        { a: {}, b: {} },
        { close: () => ({ slow: "1 second" }) }
      )
      const first = yield* hold(a!, 3)
      const second = yield* fork(b!.use(id))
      yield* TestClock.adjust("10 millis")
      expect(yield* held(budget)).toEqual([3, 1, 3, 0])
      yield* fork(Fiber.interrupt(first))
      yield* TestClock.adjust("500 millis")
      // Its close goes on.
      expect([exitOf(second), server.open]).toEqual([undefined, 3])
      yield* TestClock.adjust("1 second")
      expect(exitOf(second)).toEqual(Exit.succeed(1))
      expect(server.peak).toBe(3)
    }))

  it.scoped("serve a key with few borrowers beside a hot one, and open few connections", () =>
    Effect.gen(function*() {
      const options = { acquireTimeout: "3 seconds" } as const
      const { pools: { hot, left, right }, server } = yield* shared(
        { maxConnections: 10 },
        { hot: options, left: options, right: options },
        { open: () => ({ slow: "2 millis" }), close: () => ({ slow: "1 millis" }) }
      )
      const loops = yield* fork(Effect.all(
        Array.from({ length: 50 }, () => Effect.forever(hot!.use(() => Effect.sleep("5 millis")))),
        { concurrency: "unbounded" }
      ))
      yield* TestClock.adjust("200 millis")
      const probe = (pool: TestPool) =>
        Effect.all(Array.from({ length: 40 }, () =>
          Effect.tap(
            result(pool.use(() => Effect.sleep("5 millis"))),
            () => Effect.sleep("50 millis")
          )))
      const probes = yield* fork(Effect.all([probe(left!), probe(right!)], { concurrency: 2 }))
      yield* TestClock.adjust("30 seconds")
      const served = (yield* Fiber.join(probes)).flat().filter(({ _tag }) => _tag === "Success").length
      yield* Fiber.interrupt(loops)
      expect(served).toBe(80)
      expect(server.peak).toBe(10)
      expect(server.opens).toBeLessThanOrEqual(20)
    }))

  it.scoped("keep a place that another pool has asked for and does not want any more", () =>
    Effect.gen(function*() {
      const { budget, pools: { few, many }, server } = yield* shared({ maxConnections: 4 }, { few: {}, many: {} })
      const held3 = yield* hold(many!, 3)
      const held1 = yield* hold(few!, 1)
      const impatient = yield* hold(few!, 1)
      // It has to give one back when a lease ends.
      expect((yield* budget.usage).pools.map(({ held, wanted }) => [held, wanted])).toEqual([[1, 1], [3, 0]])
      yield* Fiber.interrupt(impatient)
      yield* Fiber.interrupt(held1)
      // Its leases go on, and the other pool's connection is idle.
      const fourth = yield* fork(many!.use(id))
      yield* TestClock.adjust("2 seconds")
      expect(exitOf(fourth)).toEqual(Exit.succeed(4))
      yield* Fiber.interrupt(held3)
      expect((yield* many!.stats).closed.Reclaimed).toBe(0)
      expect([server.opens, server.peak]).toEqual([5, 4])
    }))

  it.scoped("share a shortage by weight", () =>
    Effect.gen(function*() {
      const { budget, pools: { heavy, light } } = yield* shared(
        { maxConnections: 9 },
        { light: { maxConnecting: 9 }, heavy: { maxConnecting: 9, budgetWeight: 2 } }
      )
      const loops = yield* Effect.forEach([light!, heavy!], (pool) =>
        fork(Effect.all(
          Array.from({ length: 20 }, () => Effect.forever(pool.use(() => Effect.sleep("5 millis")))),
          { concurrency: "unbounded" }
        )))
      yield* TestClock.adjust("1 second")
      expect((yield* held(budget)).slice(2)).toEqual([3, 6])
      yield* Fiber.interruptAll(loops)
    }))

  it.scoped("keep their minConnections, and what is idle above them goes to another at once", () =>
    Effect.gen(function*() {
      const { budget, pools: { a, b } } = yield* shared({ maxConnections: 4 }, { a: { minConnections: 2 }, b: {} })
      yield* warmUp(a!, 4)
      expect((yield* a!.stats).idle).toBe(4)
      const holders = yield* hold(b!, 4)
      expect(yield* held(budget)).toEqual([4, 2, 2, 2])
      expect((yield* a!.stats).closed.Reclaimed).toBe(2)
      expect((yield* a!.stats).allotted).toBe(2)
      yield* Fiber.interrupt(holders)
    }))

  it.scoped("keep an idle connection of no more than their share for reclaimAfter", () =>
    Effect.gen(function*() {
      const { pools: { a, b } } = yield* shared({ maxConnections: 2, reclaimAfter: "300 millis" }, { a: {}, b: {} })
      yield* warmUp(a!, 1)
      const holder = yield* hold(b!, 1)
      const waiter = yield* fork(b!.use(id))
      yield* TestClock.adjust("299 millis")
      expect((yield* a!.stats).idle).toBe(1)
      yield* TestClock.adjust("1 millis")
      yield* settled
      expect((yield* a!.stats).idle).toBe(0)
      expect(exitOf(waiter)).toEqual(Exit.succeed(2))
      yield* Fiber.interrupt(holder)
    }))

  it.scoped("open one for a borrower that did not wait, once there is a place", () =>
    Effect.gen(function*() {
      const { pools: { a, b } } = yield* shared({ maxConnections: 1 }, { a: {}, b: {} })
      const holder = yield* hold(a!, 1)
      const refused = yield* Effect.flip(b!.acquireWith({ timeout: 0 }))
      expect(refused).toMatchObject({ reason: "NoWait", budget: { name: "budget", limit: 1, held: 1, heldHere: 0 } })
      yield* Fiber.interrupt(holder)
      yield* settled
      expect(yield* b!.size).toBe(1)
    }))

  it.scoped("that cannot open take no places from those that can", () =>
    Effect.gen(function*() {
      const { budget, pools: { a, b } } = yield* shared(
        { maxConnections: 2 },
        { a: { maxConnecting: 1, acquireTimeout: "1 minute" }, b: {} },
        { open: (attempt) => attempt < 100 ? "fail" : "ok" }
      )
      yield* fork(Effect.all(Array.from({ length: 50 }, () => result(a!.use(id))), { concurrency: "unbounded" }))
      yield* TestClock.adjust("50 millis")
      const [, wanted, ofA] = yield* held(budget)
      expect([wanted, ofA]).toEqual([0, 0])
      yield* TestClock.adjust("1 minute")
      expect((yield* a!.stats).pending).toBe(0)
      expect((yield* b!.stats).openFailed).toBe(0)
    }))

  it.scoped("do not advise a larger budget to a pool that has as many connections as it may", () =>
    Effect.gen(function*() {
      const { pools: { a } } = yield* shared({ name: "pg", maxConnections: 2 }, { a: { maxConnections: 2 } })
      const error = yield* Effect.flip(Effect.scoped(Effect.andThen(a!.get, Effect.andThen(a!.get, a!.get))))
      expect(error).toMatchObject({ reason: "SelfDeadlock" })
      expect(error.message).toContain("or raise maxConnections.")
    }))

  it.scoped("name the budget in the error of a borrower that gets nothing", () =>
    Effect.gen(function*() {
      const { pools: { a, b } } = yield* shared({ name: "pg", maxConnections: 2 }, {
        a: {},
        b: { acquireTimeout: "1 second" }
      })
      const holder = yield* hold(a!, 2)
      const waiter = yield* fork(Effect.flip(b!.use(id)))
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(waiter)
      expect(error.message).toContain(`2 of 2 places of the budget "pg" are taken, 0 of them here`)
      expect(error.message).toContain("raise maxConnections of the budget")
      const coded = yield* encode(PoolSchemas.PoolExhaustedError, error as never)
      expect(coded).toMatchObject({ budget: { limit: 2 } })
      yield* Fiber.interrupt(holder)
    }))

  it.scoped("see that a fiber which holds every place would wait for itself", () =>
    Effect.gen(function*() {
      const { pools: { a, b } } = yield* shared({ maxConnections: 2 }, { a: {}, b: {} })
      const inner = Effect.flip(b!.use(id))
      const error = yield* a!.use(() => a!.use(() => inner))
      expect(error).toMatchObject({ reason: "SelfDeadlock", pool: "b" })
      const other = yield* hold(a!, 1)
      const waits = yield* fork(a!.use(() => inner))
      yield* settled
      expect(exitOf(waits)).toBe(undefined)
      yield* Fiber.interrupt(other)
      yield* settled
      yield* Fiber.interrupt(waits)
    }))

  it.scoped("open nothing while it has no places, and go on when it has some", () =>
    Effect.gen(function*() {
      const { budget, pools: { a }, server } = yield* shared({ maxConnections: 2 }, { a: {} })
      yield* warmUp(a!, 2)
      yield* budget.resize(0)
      yield* settled
      expect(server.open).toBe(0)
      const waiter = yield* fork(a!.use(id))
      yield* settled
      expect(exitOf(waiter)).toBe(undefined)
      yield* budget.resize(1)
      yield* settled
      expect(Exit.isSuccess(exitOf(waiter)!)).toBe(true)
    }))

  it.scoped("give their places back when they close", () =>
    Effect.gen(function*() {
      const { budget, pools: { a, b } } = yield* shared({ maxConnections: 2 }, { a: {}, b: {} })
      yield* warmUp(a!, 2)
      yield* fork(a!.close)
      yield* settled
      const holder = yield* hold(b!, 2)
      expect(yield* budget.usage).toMatchObject({ held: 2, pools: [{ pool: "b", held: 2, weight: 1 }] })
      yield* Fiber.interrupt(holder)
    }))

  it.scoped("tell of what happens, and keep what they have when it closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const budget = yield* provideScope(Budget.make({ name: "pg", maxConnections: 1 }), scope)
      const told: Array<unknown> = []
      const events = yield* fork(Stream.runForEach(budget.events, (event) =>
        Effect.sync(() =>
          told.push([event._tag, "pool" in event ? event.pool : event.budget])
        )))
      yield* settled
      const make = (name: string) =>
        Pool.make({ open: Effect.succeed({ name }), name, budget })
      const a = yield* make("a")
      const b = yield* make("b")
      yield* a.use(() => Effect.void)
      const holder = yield* fork(b.use(() => Effect.never))
      yield* TestClock.adjust("1 second")
      const waiter = yield* fork(a.use(() => Effect.void))
      yield* TestClock.adjust("2 seconds")
      yield* Scope.close(scope, Exit.void)
      yield* settled
      yield* Fiber.join(events)
      expect(told).toEqual([
        ["Granted", "a"],
        ["Reclaimed", "a"],
        ["Granted", "b"],
        ["Starved", "a"],
        ["Lost", "pg"]
      ])
      yield* Fiber.interrupt(holder)
      yield* b.use(() => Effect.void)
      expect(exitOf(waiter)).toBe(undefined)
      yield* Fiber.interrupt(waiter)
    }))

  const wrong: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown, Scope.Scope>]> = [
    ["Budget.make: maxConnections must be a whole number of at least 1, but is 0", Budget.make({ maxConnections: 0 })],
    [
      "Budget.make: reclaimAfter must be a duration of 0 or more, but is -1",
      Budget.make({ maxConnections: 1, reclaimAfter: -1 })
    ],
    [
      "Budget.resize: maxConnections must be a whole number of at least 0, but is 1.5",
      Effect.flatMap(Budget.make({ maxConnections: 1 }), (budget) => budget.resize(1.5))
    ],
    [
      "Pool.make: budget must be a Budget, but is",
      Pool.make({ open: Effect.void, budget: {} as Budget.Budget })
    ],
    [
      "Pool.make: budgetWeight must be set only together with budget, but is 2",
      Pool.make({ open: Effect.void, budgetWeight: 2 })
    ],
    [
      "Pool.make: budgetWeight must be a number of more than 0, but is 0",
      Effect.flatMap(
        Budget.make({ maxConnections: 1 }),
        (budget) => Pool.make({ open: Effect.void, budget, budgetWeight: 0 })
      )
    ],
    [
      `Pool.make: minConnections must be at most 1, which is what the floors of other pools leave of the budget "pg"`,
      Effect.flatMap(Budget.make({ name: "pg", maxConnections: 3 }), (budget) =>
        Effect.andThen(
          Pool.make({ open: Effect.void, budget, minConnections: 2 }),
          Pool.make({ open: Effect.void, budget, minConnections: 2 })
        ))
    ],
    [
      `Pool.resize: min must be at most 3, which is what the floors of other pools leave of the budget "pg"`,
      Effect.flatMap(Budget.make({ name: "pg", maxConnections: 3 }), (budget) =>
        Effect.flatMap(
          Pool.make({ open: Effect.void, budget, minConnections: 2 }),
          (pool) => pool.resize({ min: 4 })
        ))
    ]
  ]

  it.scoped.each(wrong)("refuse: %s", ([message, effect]) =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(effect)
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain(message)
    }))
})

describe("the running budgets", () => {
  const running = (...names: ReadonlyArray<string>) =>
    Effect.map(Budget.running, (budgets) => budgets.filter(({ name }) => names.includes(name)))

  it.scoped("are all that have not closed, the oldest first, whatever their names", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const first = yield* provideScope(Budget.make({ name: "twin", maxConnections: 1 }), scope)
      const second = yield* Budget.make({ name: "twin", maxConnections: 2 })
      expect(yield* running("twin")).toEqual([first, second])
      yield* Scope.close(scope, Exit.void)
      expect(yield* running("twin")).toEqual([second])
    }))

  it.scoped("are without one whose scope was interrupted while it was built, or was refused", () =>
    Effect.gen(function*() {
      const build = yield* fork(
        Effect.scoped(Effect.andThen(Budget.make({ name: "half-built", maxConnections: 1 }), Effect.never))
      )
      yield* settled
      expect(yield* running("half-built")).toHaveLength(1)
      yield* Fiber.interrupt(build)
      yield* Effect.exit(Budget.make({ name: "half-built", maxConnections: 0 }))
      expect(yield* running("half-built")).toEqual([])
    }))

  it.scoped("have the limit of a keyed pool nowhere but in the budget that it shares", () =>
    Effect.gen(function*() {
      const budget = yield* Budget.make({ name: "around", maxConnections: 4 })
      const tenants = yield* KeyedPool.make({ name: "inside", open: (_: string) => Effect.void, budget })
      yield* tenants.use("a", () => Effect.void)
      expect(yield* running("inside")).toEqual([])
      const [member, ...others] = yield* Budget.members(budget)
      expect(others).toEqual([])
      expect(member!.member).toBe(tenants)
      expect(member).toMatchObject({ pool: "inside", held: 1, wanted: 0, wantedMillis: 0 })
    }))

  it.scoped("know their pools, and for how long each has wanted a place", () =>
    Effect.gen(function*() {
      const { budget, pools: { a, b } } = yield* shared({ maxConnections: 2 }, { a: {}, b: { budgetWeight: 3 } })
      const holders = [yield* hold(a!, 2), yield* hold(b!, 1)]
      yield* TestClock.adjust("3 seconds")
      const members = yield* Budget.members(budget)
      expect(members.map(({ member }) => [a, b].findIndex((pool) => pool === member))).toEqual([0, 1])
      expect(members.map(({ member: _, ...share }) => share)).toEqual([
        { pool: "a", held: 2, wanted: 0, weight: 1, wantedMillis: 0 },
        { pool: "b", held: 0, wanted: 1, weight: 3, wantedMillis: 3_000 }
      ])
      yield* b!.close
      expect((yield* Budget.members(budget)).map(({ pool }) => pool)).toEqual(["a"])
      yield* Fiber.interruptAll(holders)
    }))
})

describe("a pool with a floor", () => {
  it.scoped("opens its floor in a budget before anybody borrows", () =>
    Effect.gen(function*() {
      const budget = yield* Budget.make({ maxConnections: 4 })
      const pool = yield* Pool.make({ open: Effect.succeed("a connection"), minConnections: 2, budget })
      yield* settled
      expect(yield* pool.size).toBe(2)
    }))
})

describe("a budget whose places come from elsewhere", () => {
  it.scoped("knows of connections that have become idle, although it hears of no lease", () =>
    Effect.gen(function*() {
      const changes: Array<number> = []
      const { budget, demand, grant } = yield* Budget.makeSupplied({ maxConnections: 4 }, {
        onChange: () => void changes.push(1),
        isWatching: () => false,
        resize: () => Effect.void
      })
      const pool = yield* Pool.make({ open: Effect.succeed({}), budget })
      yield* fork(Effect.scoped(Effect.andThen(pool.get, Effect.sleep("1 second"))))
      yield* settled
      expect(demand(250)).toMatchObject({ held: 0, wanted: 1 })
      grant(1)
      yield* settled
      const before = changes.length
      yield* TestClock.adjust("1 second")
      expect(demand(250)).toMatchObject({ held: 1, places: 1, busy: 1, wanted: 0, nextRestMillis: 250 })
      yield* TestClock.adjust("250 millis")
      expect(demand(250)).toMatchObject({ held: 1, places: 1, busy: 0, nextRestMillis: Infinity })
      expect(changes.length).toBe(before)
    }))
})

describe("the shares of a budget", () => {
  it("are looked at in the future, whatever the fractions of the times", () => {
    const rng = Rng.make(1)
    for (let i = 0; i < 20_000; i++) {
      const clock = { now: rng.between(0, 1_000_000) + rng.between(0, 999_999) / 1e6 }
      let starved = 0
      const told = { granted: () => {}, reclaimed: () => {}, starved: () => starved++ }
      const shares = new Shares(2, 1_000, () => clock.now, told, () => {})
      const since = clock.now
      const member = (name: string, places: number, wanted: number) => ({
        name,
        places,
        wanted,
        floor: 0,
        hasIdle: places > 0,
        get idleMillis() {
          return clock.now - since
        },
        allot: () => {}
      })
      // One has an idle connection, and the other as many and a borrower that waits.
      for (const [name, wanted] of [["rich", 0], ["poor", 1]] as const) {
        const share = shares.join(member(name, 0, 1), 1)
        share.changed()
        Object.assign(share.member, { places: 1, wanted, hasIdle: wanted === 0 })
        share.changed()
        clock.now += rng.between(0, 999_999) / 1e6
      }
      for (let looks = 0; shares.lookAt !== Infinity; looks++) {
        if (looks > 5) throw new Error(`it is looked at again and again at ${clock.now}`)
        clock.now = shares.lookAt
        shares.settle()
      }
      expect(starved).toBe(1)
    }
  })

  // Another budget may be a member. It may have an idle connection and want places, and keeps what it has for long.
  it("settle, whatever their members have and want, and however slowly they give places back", () => {
    const met = { leaving: 0, reclaimed: 0, idleInNeed: 0 }
    for (let seed = 1; seed <= 300; seed++) {
      const rng = Rng.make(seed)
      const limit = rng.between(2, 12)
      const clock = { now: 0 }
      let grants = 0
      const told = {
        granted: () => {
          if (++grants > 1_000) throw new Error(`seed ${seed}: it never settles`)
        },
        reclaimed: () => void met.reclaimed++,
        starved: () => {}
      }
      const shares = new Shares(limit, 1_000, () => clock.now, told, () => {})
      const members = Array.from({ length: rng.between(2, 4) }, (_, index) => {
        const member = {
          name: `member ${index}`,
          places: 0,
          wanted: 0,
          floor: 0,
          hasIdle: false,
          idleMillis: 0,
          granted: 0,
          // A place that was wanted is taken up at once.
          allot: (granted: number) => {
            const more = Math.min(member.wanted, Math.max(0, granted - member.places))
            member.places += more
            member.wanted -= more
            member.granted = granted
          }
        }
        return { member, share: shares.join(member, rng.pick([1, 2, 3, Number.MIN_VALUE])) }
      })
      for (let step = 0; step < 200; step++) {
        const { member, share } = members[rng.between(0, members.length - 1)]!
        const action = rng.between(0, 3)
        if (action === 0) member.wanted = rng.between(0, 3)
        // A lease ends, and its place goes if it was asked for.
        if (action === 1 && member.places > member.granted) member.places--
        else if (action === 1 && member.places > 0 && rng.chance(0.3)) member.places--
        if (action === 2) member.hasIdle = member.places > 0 && rng.chance(0.5)
        if (action === 3) member.idleMillis = rng.pick([0, 500, 5_000])
        if (member.hasIdle && member.wanted > 0) met.idleInNeed++
        grants = 0
        share.changed()
        if (rng.chance(0.2)) shares.settle()
        clock.now += rng.between(0, 200)
        const sum = (of: (one: typeof members[number]) => number) => members.reduce((all, one) => all + of(one), 0)
        expect(sum(({ share }) => share.granted)).toBeLessThanOrEqual(limit)
        expect(sum(({ member, share }) => Math.max(member.places, share.granted))).toBeLessThanOrEqual(limit)
        if (shares.needs > 0) expect(shares.held).toBe(limit)
        met.leaving += sum(({ share }) => share.leaving)
      }
    }
    for (const times of Object.values(met)) expect(times).toBeGreaterThan(100)
  })
})
