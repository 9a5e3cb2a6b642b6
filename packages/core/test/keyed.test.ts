// A pool for each key, under one limit.
import { Budget, type ConnectionPool, KeyedPool, Pool, PoolMetrics } from "@socketpool/core"
import {
  exitOf,
  fork,
  forkDaemon,
  hasDies,
  isOnlyInterrupted,
  provideScope,
  result,
  TestClock,
  yieldNow
} from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Interruptions } from "@socketpool/testing"
import { Cause, Data, Effect, Equal, Exit, Fiber, Scope, Stream } from "effect"
import { settle } from "./explored.js"
import { settled } from "./setup.js"

interface Line {
  readonly key: string
  readonly id: number
}

/** A server that counts its connections, and a keyed pool of it. */
const made = (
  options: Partial<KeyedPool.Options<string, Line, never, never>> = {},
  times: { readonly open?: number; readonly close?: number } = {}
) =>
  Effect.gen(function*() {
    const server = { open: 0, peak: 0, opens: 0 }
    const open = (key: string) =>
      Effect.acquireRelease(
        Effect.delay(
          Effect.sync((): Line => {
            server.peak = Math.max(server.peak, ++server.open)
            return { key, id: ++server.opens }
          }),
          times.open ?? 0
        ),
        () => Effect.delay(Effect.sync(() => server.open--), times.close ?? 0)
      )
    const keyed = yield* KeyedPool.make({ open, name: "tenants", drainTimeout: 0, ...options })
    return { keyed, server }
  })

/** A close that a test leaves under way must not wait for a clock that stands still. */
const setup = (...args: Parameters<typeof made>) =>
  Effect.tap(made(...args), () => Effect.addFinalizer(() => forkDaemon(TestClock.adjust("1 minute"))))

const key = (line: Line) => Effect.succeed(line.key)

/** Holds a connection of a key until it is interrupted. */
const hold = (keyed: KeyedPool.KeyedPool<string, Line>, key: string) =>
  Effect.tap(fork(keyed.use(key, () => Effect.never)), () => settled)

describe("a keyed pool", () => {
  it.scoped("lends connections of the key that was asked for", () =>
    Effect.gen(function*() {
      const { keyed, server } = yield* setup()
      expect([yield* keyed.use("a", key), yield* keyed.use("b", key), yield* keyed.use("a", key)]).toEqual([
        "a",
        "b",
        "a"
      ])
      expect((yield* Effect.scoped(keyed.get("b"))).key).toBe("b")
      const taken = yield* keyed.acquire("a")
      expect(taken.id).toBe(1)
      expect((yield* keyed.leases).map(({ connectionId }) => connectionId)).toEqual([1])
      yield* keyed.release(taken)
      expect(yield* Effect.flip(keyed.release(taken))).toMatchObject({
        _tag: "ConnectionNotFoundError",
        pool: "tenants"
      })
      expect([server.opens, yield* keyed.size, yield* keyed.keys]).toEqual([2, 2, ["b", "a"]])
      yield* Effect.flatMap(keyed.acquire("b"), (line) => keyed.drop(line))
      yield* Effect.flatMap(keyed.acquire("a"), (line) => Effect.andThen(keyed.invalidate(line), keyed.release(line)))
      yield* settled
      expect([server.open, (yield* keyed.stats).closed.Dropped, (yield* keyed.stats).closed.Invalid]).toEqual([0, 1, 1])
    }))

  it.scoped("makes one pool for two first borrowers, and compares keys with Equal", () =>
    Effect.gen(function*() {
      const made: Array<unknown> = []
      const keyed = yield* KeyedPool.make({
        open: (key: unknown) => Effect.sync(() => made.push(key)),
        maxConnectionsPerKey: 1
      })
      const ask = (key: unknown) => keyed.use(key, () => yieldNow)
      class Key extends Data.Class<{ readonly a: number }> {}
      yield* Effect.all([ask("a"), ask("a"), ask(1), ask(1), ask(new Key({ a: 1 })), ask(new Key({ a: 1 }))], {
        concurrency: "unbounded"
      })
      expect(made).toHaveLength(3)
      const plain = { a: 1 }
      yield* Effect.all([ask(plain), ask(plain), ask({ a: 1 }), ask(NaN), ask(NaN)])
      expect(made).toHaveLength(Equal.equals({ a: 1 }, { a: 1 }) ? 5 : 6)
    }))

  it.scoped("serves keys with few borrowers beside a hot one, and opens few connections", () =>
    Effect.gen(function*() {
      const { keyed, server } = yield* setup({ maxConnections: 10, acquireTimeout: "3 seconds" }, { open: 2, close: 1 })
      const work = (key: string) => keyed.use(key, () => Effect.sleep("5 millis"))
      const loops = yield* fork(
        Effect.all(Array.from({ length: 50 }, () => Effect.forever(work("hot"))), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("200 millis")
      const probe = (key: string) =>
        Effect.all(Array.from({ length: 40 }, () => Effect.tap(result(work(key)), () => Effect.sleep("50 millis"))))
      const probes = yield* fork(Effect.all([probe("left"), probe("right")], { concurrency: 2 }))
      yield* TestClock.adjust("30 seconds")
      const served = (yield* Fiber.join(probes)).flat().filter(({ _tag }) => _tag === "Success").length
      yield* Fiber.interrupt(loops)
      expect([served, server.peak]).toEqual([80, 10])
      expect(server.opens).toBeLessThanOrEqual(20)
    }))

  it.scoped("forgets the key unused for longest, and refuses one more if all are in use", () =>
    Effect.gen(function*() {
      const { keyed, server } = yield* setup({ maxKeys: 2 })
      for (const key of ["a", "b", "a", "c"]) yield* keyed.use(key, () => Effect.void)
      yield* settled
      expect([yield* keyed.keys, server.open]).toEqual([["a", "c"], 2])
      const holders = [yield* hold(keyed, "a"), yield* hold(keyed, "c")]
      const error = yield* Effect.flip(keyed.use("d", () => Effect.void))
      expect(error).toMatchObject({ _tag: "PoolExhaustedError", reason: "TooManyKeys", pool: "tenants" })
      expect(error.message).toContain("as many keys as there may be")
      yield* Fiber.interruptAll(holders)
      yield* keyed.use("d", () => Effect.void)
      yield* settled
      const stats = yield* keyed.stats
      expect([stats.keys, stats.forgotten, stats.tooManyKeys, stats.opened, stats.acquired]).toEqual([2, 2, 1, 4, 7])
      expect((yield* PoolMetrics.prometheus).split("\n")).toContain(
        `socketpool_acquire_total{pool_name="tenants",outcome="TooManyKeys"} 1`
      )
      const closed = Object.values(stats.closed).reduce((a, b) => a + b)
      expect(stats.opened - closed).toBe(server.open)
    }))

  // F55
  it.scoped("forgets a key without connections after keyIdleTimeout", () =>
    Effect.gen(function*() {
      const { keyed } = yield* setup({ keyIdleTimeout: "40 seconds", idleTimeout: "10 seconds" })
      yield* keyed.use("a", () => Effect.void)
      yield* TestClock.adjust("45 seconds")
      expect(yield* keyed.keys).toEqual(["a"])
      yield* TestClock.adjust("30 seconds")
      expect(yield* keyed.keys).toEqual([])
      expect((yield* keyed.stats).acquired).toBe(1)
    }))

  it.scoped("serves the borrowers that wait before it closes the pool of a key that is forgotten", () =>
    Effect.gen(function*() {
      const { keyed, server } = yield* setup({ maxConnectionsPerKey: 1 })
      const taken = yield* keyed.acquire("a")
      const waiter = yield* fork(keyed.use("a", key))
      yield* settled
      const forgotten = yield* fork(keyed.forget("a"))
      yield* settled
      // A later borrow makes a new pool at once.
      expect(yield* keyed.use("a", (line) => Effect.succeed(line.id))).toBe(2)
      expect([exitOf(waiter), exitOf(forgotten)]).toEqual([undefined, undefined])
      yield* keyed.release(taken)
      yield* settled
      expect([exitOf(waiter), exitOf(forgotten)]).toEqual([Exit.succeed("a"), Exit.void])
      expect([server.open, server.opens, (yield* keyed.stats).acquired]).toEqual([1, 2, 3])
    }))

  it.scoped("makes a new pool for a key whose pool somebody closed", () =>
    Effect.gen(function*() {
      const { keyed } = yield* setup()
      const pool: ConnectionPool<Line> = yield* keyed.lookup("a")
      expect(pool.name).toBe("tenants")
      yield* pool.close
      expect(yield* keyed.use("a", key)).toBe("a")
    }))

  it.scoped("has options, weights and labels by key", () =>
    Effect.gen(function*() {
      const { keyed } = yield* setup({
        maxLabels: 1,
        label: (key) => key === "secret" ? undefined : key,
        options: (key) => ({ maxPending: key === "a" ? 0 : 5 })
      })
      const nameOf = (key: string) => Effect.map(keyed.lookup(key), ({ name }) => name)
      expect([yield* nameOf("a"), yield* nameOf("b"), yield* nameOf("secret")]).toEqual([
        "tenants[a]",
        "tenants[other]",
        "tenants"
      ])
      expect(yield* Effect.flip(keyed.use("a", () => Effect.void))).toMatchObject({ reason: "QueueFull" })
      expect(yield* keyed.use("b", key)).toBe("b")
    }))

  it.scoped("takes pools that the caller makes, and compares keys by what identifies them", () =>
    Effect.gen(function*() {
      const made: Array<unknown> = []
      const keyed = yield* KeyedPool.fromPools({
        name: "shards",
        maxConnections: 3,
        maxConnectionsPerKey: 2,
        identify: ({ shard }: { readonly shard: number }) => shard,
        make: ({ shard }, share) => {
          made.push([shard, share.name, share.maxConnections, share.budgetWeight])
          return Pool.make({ ...share, open: Effect.succeed(shard) })
        }
      })
      const ask = (shard: number) => keyed.use({ shard }, (connection) => Effect.succeed(connection))
      expect(yield* Effect.all([ask(1), ask(2), ask(1)])).toEqual([1, 2, 1])
      expect(made).toEqual([[1, "shards", 2, 1], [2, "shards", 2, 1]])
      yield* keyed.forget({ shard: 1 })
      expect(yield* keyed.keys).toEqual([{ shard: 2 }])
    }))

  it.scoped("lends a fiber connections of several keys while its budget has places", () =>
    Effect.gen(function*() {
      const budget = yield* Budget.make({ name: "server", maxConnections: 4 })
      const { keyed } = yield* setup({ budget, acquireTimeout: "1 second" }, { open: 10 })
      const borrower = yield* fork(
        Effect.scoped(Effect.forEach(["a", "b", "c", "d"], (key) => Effect.map(keyed.get(key), ({ key }) => key)))
      )
      yield* TestClock.adjust("1 second")
      expect(exitOf(borrower)).toEqual(Exit.succeed(["a", "b", "c", "d"]))
    }))

  it.scoped("refuses a fiber that holds every place of its budget one more, and every place of its own", () =>
    Effect.gen(function*() {
      for (const [places, own] of [[2, 3], [3, 2]] as const) {
        const budget = yield* Budget.make({ name: "server", maxConnections: places })
        const { keyed } = yield* setup({ budget, maxConnections: own })
        const refused = yield* Effect.scoped(
          Effect.flip(Effect.forEach(["a", "b", "c"], (key) => keyed.get(key)))
        )
        expect(refused).toMatchObject({ _tag: "PoolExhaustedError", reason: "SelfDeadlock" })
      }
    }))

  it.scoped("shares a budget with other pools, and keeps its own limit", () =>
    Effect.gen(function*() {
      const budget = yield* Budget.make({ name: "server", maxConnections: 4 })
      const { keyed, server } = yield* setup({ budget, maxConnections: 3 })
      const other = yield* Pool.make({ open: Effect.succeed("other"), budget, name: "other" })
      const holders = yield* Effect.forEach(["a", "b", "c", "d", "e"], (key) => hold(keyed, key))
      expect(server.open).toBe(3)
      const holder = yield* fork(other.use(() => Effect.never))
      const second = yield* fork(other.use(() => Effect.void))
      yield* settled
      expect(yield* budget.usage).toMatchObject({
        held: 4,
        pools: [{ pool: "tenants", held: 3 }, { pool: "other", held: 1 }]
      })
      yield* Fiber.interrupt(holders[0]!)
      yield* settled
      // The other pool has less than its share.
      expect(exitOf(second)).toEqual(Exit.void)
      yield* Fiber.interruptAll([...holders, holder])
    }))

  it.scoped("keeps its places in a budget until its connections have closed", () =>
    Effect.gen(function*() {
      const budget = yield* Budget.make({ maxConnections: 2 })
      const { keyed, server } = yield* setup({ budget, drainTimeout: "10 seconds" }, { close: 1_000 })
      yield* keyed.acquire("a")
      yield* keyed.use("b", () => Effect.void)
      const closing = yield* fork(keyed.close)
      yield* settled
      const other = yield* Pool.make({ open: Effect.sync(() => server.open), budget, acquireTimeout: "1 minute" })
      const seen = yield* Effect.forEach([1, 2], () =>
        fork(other.use((open) => Effect.as(Effect.sleep("1 minute"), open))))
      yield* TestClock.adjust("999 millis")
      expect([server.open, yield* other.size]).toEqual([2, 0])
      yield* TestClock.adjust("1 millis")
      expect([server.open, yield* other.size]).toEqual([1, 1])
      yield* TestClock.adjust("12 seconds")
      expect([server.open, yield* other.size, exitOf(closing)]).toEqual([0, 2, Exit.void])
      yield* TestClock.adjust("2 minutes")
      expect(yield* Fiber.joinAll(seen)).toEqual([1, 0])
    }))

  it.scoped("closes all keys at the same time, and lends nothing afterwards", () =>
    Effect.gen(function*() {
      const { keyed, server } = yield* setup({ drainTimeout: "10 seconds", maxConnections: 2 })
      const ended: Array<string> = []
      const events = yield* fork(Stream.runForEach(keyed.events, ({ _tag }) => Effect.sync(() => ended.push(_tag))))
      yield* settled
      yield* keyed.acquire("a")
      yield* keyed.acquire("b")
      const waiter = yield* fork(Effect.flip(keyed.use("c", key)))
      yield* settled
      const closing = yield* fork(keyed.close)
      yield* settled
      expect((yield* Fiber.join(waiter))._tag).toBe("PoolClosedError")
      yield* TestClock.adjust("10 seconds")
      expect(exitOf(closing)).toEqual(Exit.void)
      expect([server.open, server.opens]).toEqual([0, 2])
      expect((yield* Effect.flip(keyed.use("a", key)))._tag).toBe("PoolClosedError")
      yield* Fiber.join(events)
      expect(ended.filter((tag) => tag === "Borrowed" || tag === "PoolClosed")).toEqual([
        "Borrowed",
        "Borrowed",
        "PoolClosed",
        "PoolClosed",
        "PoolClosed"
      ])
    }))

  it.scoped("has one series of metrics without labels, whatever the keys, and is not among the running pools", () =>
    Effect.gen(function*() {
      const { keyed } = yield* setup({ maxKeys: 10 })
      const lines = Effect.map(
        PoolMetrics.prometheus,
        (text) => text.split("\n").filter((line) => line.includes("\"tenants\""))
      )
      yield* keyed.use("0", key)
      const before = (yield* lines).length
      for (let i = 0; i < 200; i++) yield* keyed.use(`${i}`, key)
      yield* settled
      expect((yield* lines).length).toBe(before)
      expect(yield* lines).toContain(`socketpool_connection_opened_total{pool_name="tenants"} 200`)
      expect((yield* Pool.running).map(({ name }) => name)).not.toContain("tenants")
    }))

  it.scoped("shows its busiest keys: waiters first, then connections in use, and of a key only its label", () =>
    Effect.gen(function*() {
      const { keyed } = yield* setup({
        maxConnections: 4,
        maxConnectionsPerKey: 2,
        label: (key) => key === "secret" ? undefined : key.toUpperCase()
      })
      for (const key of ["idle", "secret", "hot", "hot", "hot"]) {
        yield* (key === "idle" ? keyed.use(key, () => Effect.void) : hold(keyed, key))
      }
      yield* TestClock.adjust("2 seconds")
      const common = { idle: 0, oldestWaitMillis: 0, pending: 0, wanted: 0 }
      const hot = { ...common, number: 3, label: "HOT", held: 2, inUse: 2, pending: 1, oldestWaitMillis: 2_000 }
      const secret = { ...common, number: 2, held: 1, inUse: 1 }
      const idle = { ...common, number: 1, label: "IDLE", held: 1, inUse: 0, idle: 1 }
      expect(yield* keyed.busiest(10)).toEqual([hot, secret, idle])
      expect(yield* keyed.busiest(2)).toEqual([hot, secret])
      expect(yield* keyed.busiest(0)).toEqual([])
      const wrong = yield* Effect.exit(keyed.busiest(-1))
      expect(Exit.isFailure(wrong) && Cause.pretty(wrong.cause)).toContain(
        "KeyedPool.busiest: most must be a whole number of at least 0, but is -1"
      )
    }))

  it.scoped("shows the busiest of many keys, and what they want", () =>
    Effect.gen(function*() {
      const { keyed } = yield* setup({ maxConnections: 1 })
      for (let i = 0; i < 50; i++) {
        yield* hold(keyed, "first")
        for (let waiter = 0; waiter < (i * 7) % 50; waiter++) yield* fork(keyed.use(`${i}`, () => Effect.void))
      }
      yield* settled
      const busiest = yield* keyed.busiest(4)
      expect(busiest.map(({ pending }) => pending)).toEqual([49, 49, 48, 47])
      // The one connection serves the first key.
      expect(busiest.map(({ held, wanted }) => [held, wanted > 0])).toEqual([
        [1, false],
        [0, true],
        [0, true],
        [0, true]
      ])
      expect((yield* keyed.stats).wanted).toBe(49)
      expect((yield* keyed.stats).maxKeys).toBe(1_000)
    }))

  it.scoped("is among the running keyed pools until it has closed, also if its scope was interrupted", () =>
    Effect.gen(function*() {
      const running = Effect.map(KeyedPool.running, (pools) => pools.filter(({ name }) => name === "tenants"))
      const { keyed } = yield* setup({ drainTimeout: "1 second" }, { close: 1_000 })
      const build = yield* fork(Effect.scoped(Effect.andThen(made(), Effect.never)))
      yield* settled
      expect(yield* running).toHaveLength(2)
      yield* Fiber.interrupt(build)
      yield* Effect.exit(made({ maxKeys: 0 }))
      expect(yield* running).toEqual([keyed])
      yield* keyed.use("a", key)
      const closing = yield* fork(keyed.close)
      yield* settled
      expect(yield* running).toEqual([keyed])
      yield* TestClock.adjust("1 second")
      expect([exitOf(closing), yield* running]).toEqual([Exit.void, []])
    }))

  it.effect("is a service", () => {
    class Tenants extends KeyedPool.Service<Tenants, string, Line>()("test/Tenants") {}
    return Effect.gen(function*() {
      expect(yield* Tenants.use("a", key)).toBe("a")
      expect(yield* Tenants.keys).toEqual(["a"])
      expect((yield* Tenants.stats).keys).toBe(1)
    }).pipe(Effect.orDie, Effect.provide(Tenants.layer({ open: (key) => Effect.succeed({ key, id: 1 }) })))
  })

  const wrong: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown, Scope.Scope>]> = [
    ["KeyedPool.make: maxKeys must be a whole number of at least 1, but is 0", setup({ maxKeys: 0 })],
    ["KeyedPool.make: keyIdleTimeout must be a duration of more than 0, but is 0", setup({ keyIdleTimeout: 0 })],
    ["KeyedPool.make: maxKey is not an option: did you mean maxKeys?", setup({ maxKey: 1 } as never)],
    [
      "KeyedPool.fromPools: make must be a function",
      KeyedPool.fromPools({ maxConnections: 1 } as unknown as KeyedPool.PoolsOptions<string, Line, never, never>)
    ],
    ["KeyedPool.make: maxPending must be", setup({ maxPending: -1 })],
    [
      "Pool.make: maxPending must be",
      Effect.flatMap(setup({ options: () => ({ maxPending: -1 }) }), ({ keyed }) => keyed.use("a", key))
    ],
    [
      "Pool.make: budgetWeight must be a number of more than 0, but is 0",
      Effect.flatMap(setup({ weight: () => 0 }), ({ keyed }) => keyed.use("a", key))
    ],
    [
      "no such tenant",
      Effect.flatMap(
        setup({
          open: () => {
            throw new Error("no such tenant")
          }
        }),
        ({ keyed }) => keyed.use("a", key)
      )
    ]
  ]

  it.scoped.each(wrong)("refuses: %s", ([message, effect]) =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(effect)
      expect(Exit.isFailure(exit) && hasDies(exit.cause) && Cause.pretty(exit.cause)).toContain(message)
    }))

  it.scoped("leaves no key behind whose open throws", () =>
    Effect.gen(function*() {
      const { keyed } = yield* setup({
        open: () => {
          throw new Error("no such tenant")
        }
      })
      yield* Effect.exit(keyed.use("a", key))
      expect([yield* keyed.keys, yield* keyed.size]).toEqual([[], 0])
    }))

  it.effect.each(["use", "get", "acquire"] as const)(
    "loses nothing when %s is interrupted at any step, while its key is forgotten",
    (how) =>
      Effect.gen(function*() {
        const report = yield* Interruptions.explore((forkSubject) =>
          Effect.gen(function*() {
            const problems: Array<string> = []
            // Nothing closes this scope: the test closes the pool.
            const scope = yield* Scope.make()
            const { keyed, server } = yield* provideScope(
              made({ maxKeys: 1, maxConnections: 1, drainTimeout: "10 seconds" }),
              scope
            )
            const work = (line: Line) =>
              Effect.sync(() => line.key === "a" || problems.push("another key's connection"))
            const subject = how === "use"
              ? keyed.use("a", work)
              : how === "get"
              ? Effect.scoped(Effect.flatMap(keyed.get("a"), work))
              : Effect.acquireUseRelease(keyed.acquire("a"), work, (line) => Effect.orDie(keyed.release(line)))
            yield* Effect.orDie(keyed.use("b", () => Effect.void))
            const fiber = yield* forkSubject(Effect.asVoid(subject))
            const rival = yield* fork(Effect.andThen(keyed.forget("a"), result(keyed.use("b", () => Effect.void))))
            if (!(yield* settle(() => exitOf(fiber) !== undefined && exitOf(rival) !== undefined))) {
              problems.push("it never ends")
            }
            const exit = exitOf(fiber)
            if (exit !== undefined && Exit.isFailure(exit) && !isOnlyInterrupted(exit.cause)) {
              problems.push(String(exit.cause))
            }
            yield* settle(() => Effect.runSync(keyed.leases).length === 0)
            if ((yield* keyed.leases).length > 0) problems.push("a lease is lost")
            if (server.peak > 1) problems.push("more connections than allowed")
            const closing = yield* fork(keyed.close)
            if (!(yield* settle(() => exitOf(closing) !== undefined))) problems.push("it does not close")
            if (server.open !== 0) problems.push(`${server.open} connections are left`)
            return problems
          })
        )
        expect(report.violations).toEqual([])
        expect(report.steps).toBeGreaterThanOrEqual(8)
      }),
    60_000
  )
})
