// One pool for several servers that do the same: the choice, the failures, the sets.
import {
  Budget,
  ConnectionError,
  EndpointPool,
  Endpoints,
  isConnectionPool,
  type NoEndpointError,
  Pool
} from "@socketpool/core"
import { collect, exitOf, fork, provideScope, result, TestClock, withSeed } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { endpointOf, makePool, published, setup, World } from "./endpointPool/world.js"
import { settled } from "./setup.js"

const serverOf = ({ server }: { readonly server: string }) => Effect.succeed(server)

const statusOf = (pool: EndpointPool.EndpointPool<any, any>) =>
  Effect.map(pool.endpoints, (all) => Object.fromEntries(all.map(({ id, state }) => [id, state])))

const held = <C extends { readonly server: string }, E>(pool: EndpointPool.EndpointPool<C, E>, times: number) =>
  Effect.forEach(Array.from({ length: times }), () => fork(Effect.scoped(Effect.andThen(pool.get, Effect.never))))

describe("the choice of an endpoint", () => {
  it.scoped("spreads leases evenly, and by weight", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b", endpointOf("c", { weight: 2 })])
      yield* held(pool, 12)
      yield* TestClock.adjust(100)
      expect(["a", "b", "c"].map((name) => world.server(name).open)).toEqual([3, 3, 6])
    }))

  it.scoped("spreads those who wait, too", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup(["a", "b"], { maxConnectionsPerEndpoint: 1 })
      yield* held(pool, 62)
      yield* TestClock.adjust(100)
      expect((yield* pool.endpoints).map(({ waiting }) => waiting)).toEqual([30, 30])
    }))

  it.scoped("breaks ties at random, as often as the weights say", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b", endpointOf("c", { weight: 2 })])
      for (const name of ["a", "b", "c"]) world.server(name).openMillis = 0
      for (let i = 0; i < 400; i++) yield* pool.use(({ server }) => Effect.sync(() => world.server(server).served++))
      const [a, b, c] = ["a", "b", "c"].map((name) => world.server(name).served)
      for (const count of [a!, b!]) expect(Math.abs(count - 100)).toBeLessThan(35)
      expect(Math.abs(c! - 200)).toBeLessThan(45)
    }))

  it.scoped("draws the same endpoints from the same seed", () =>
    Effect.gen(function*() {
      const run = () =>
        withSeed("a seed")(Effect.gen(function*() {
          const { pool } = yield* setup(["a", "b", "c", "d"])
          const chosen: Array<string> = []
          for (let i = 0; i < 20; i++) {
            const fiber = yield* fork(pool.use(serverOf))
            yield* TestClock.adjust(5)
            chosen.push(yield* Fiber.join(fiber))
          }
          return chosen
        }))
      const first = yield* run()
      expect(yield* run()).toEqual(first)
      expect(new Set(first).size).toBe(4)
    }))

  it.scoped("uses a higher tier only when the lower ones cannot serve", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b", endpointOf("far", { tier: 1 })], { ejectAfter: 1, maxEjected: 1 })
      const ask = Effect.gen(function*() {
        const fiber = yield* fork(pool.use(serverOf))
        yield* TestClock.adjust(5)
        return yield* Fiber.join(fiber)
      })
      for (let i = 0; i < 10; i++) expect(yield* ask).not.toBe("far")
      yield* pool.clear
      world.server("a").mode = world.server("b").mode = "refuses"
      for (let i = 0; i < 10; i++) expect(yield* ask).toBe("far")
      world.server("a").mode = "up"
      yield* TestClock.adjust("15 seconds")
      expect(yield* ask).toBe("a")
    }))

  it.scoped("compares a few of very many endpoints", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(Array.from({ length: 100 }, (_, index) => `s${index}`))
      yield* held(pool, 100)
      yield* TestClock.adjust(100)
      const open = [...world.servers.values()].map((server) => server.open)
      expect(Math.max(...open)).toBeLessThanOrEqual(3)
      expect(open.filter((count) => count > 0).length).toBeGreaterThan(60)
    }))

  it.scoped("asks an endpoint that can lend when it may open nothing more", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b", "c", "d"], { maxConnections: 2 })
      for (let i = 0; i < 40; i++) {
        const fiber = yield* fork(pool.use(world.request))
        yield* TestClock.adjust(20)
        expect(exitOf(fiber)?._tag).toBe("Success")
      }
      expect([world.peak, world.opened]).toEqual([2, 2])
    }))

  it.scoped("keeps to the limits of all and of one", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b"], { maxConnections: 5, maxConnectionsPerEndpoint: 3 })
      const fibers = yield* held(pool, 8)
      yield* TestClock.adjust(100)
      expect([world.open, Math.max(world.server("a").open, world.server("b").open)]).toEqual([5, 3])
      expect((yield* pool.stats).pending).toBe(3)
      yield* Fiber.interruptAll(fibers)
      yield* pool.resize({ max: 2 })
      yield* TestClock.adjust(100)
      expect(world.open).toBeLessThanOrEqual(2)
      yield* held(pool, 8)
      yield* TestClock.adjust(100)
      expect([world.open, (yield* pool.stats).maxConnections]).toEqual([2, 2])
      yield* pool.resize({ max: 6 })
      yield* TestClock.adjust(100)
      expect(world.open).toBe(6)
    }))
})

describe("an endpoint that fails", () => {
  it.scoped("loses its waiters to others, in order, and no borrower fails", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", endpointOf("b", { tier: 1 })], { maxConnectionsPerEndpoint: 1 })
      yield* held(pool, 1)
      yield* TestClock.adjust(10)
      const order: Array<number> = []
      const fibers = yield* Effect.forEach(
        [0, 1, 2, 3],
        (index) => fork(pool.use(() => Effect.andThen(Effect.sleep(1), Effect.sync(() => order.push(index)))))
      )
      yield* settled
      expect((yield* pool.endpoints)[0]).toMatchObject({ inUse: 1, waiting: 4 })
      world.server("a").mode = "refuses"
      const [lease] = yield* pool.leases
      yield* pool.dropById(lease!.connectionId)
      yield* TestClock.adjust(500)
      for (const fiber of fibers) expect(exitOf(fiber)?._tag).toBe("Success")
      expect([order, world.server("b").opens]).toEqual([[0, 1, 2, 3], 1])
    }))

  it.scoped("is one of two that are down, and nobody fails", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b"])
      world.server("a").mode = "refuses"
      const results = yield* fork(
        Effect.all(Array.from({ length: 100 }, () => result(pool.use(world.request))), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("10 seconds")
      expect((yield* Fiber.join(results)).every(({ _tag }) => _tag === "Success")).toBe(true)
      expect((yield* pool.stats).failed.OpenFailed).toBe(0)
    }))

  it.scoped("gives its error only when all have failed, and then at once", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b", endpointOf("c", { tier: 1 }), endpointOf("d", { tier: 2 })])
      for (const server of "abcd") world.server(server).mode = "refuses"
      const started = yield* fork(Effect.flip(pool.use(serverOf)))
      yield* settled
      expect(exitOf(started)).toMatchObject({ _tag: "Success", value: { _tag: "Refused", server: "d" } })
      expect([..."abcd"].map((name) => world.server(name).attempts)).toEqual([1, 1, 1, 1])
      const stats = yield* pool.stats
      expect([stats.failed.OpenFailed, stats.failed.Timeout]).toEqual([1, 0])
    }))

  it.scoped("fails all who wait after one attempt at each endpoint", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b", "c"])
      for (const server of "abc") world.server(server).mode = "refuses"
      const fibers = yield* Effect.forEach(Array.from({ length: 50 }), () => fork(pool.use(serverOf)))
      yield* TestClock.adjust(50)
      for (const fiber of fibers) expect(exitOf(fiber)?._tag).toBe("Failure")
      for (const server of "abc") expect(world.server(server).attempts).toBeLessThanOrEqual(14)
    }))

  it.scoped("leaves the borrower what is left of its deadline", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b", "c"], {
        connectTimeout: "2 seconds",
        acquireTimeout: "5 seconds"
      })
      for (const server of "abc") world.server(server).mode = "hangs"
      const fiber = yield* fork(Effect.flip(pool.use(serverOf)))
      yield* TestClock.adjust(4_999)
      expect(exitOf(fiber)).toBeUndefined()
      yield* TestClock.adjust(1)
      const error = yield* Fiber.join(fiber)
      expect(error).toMatchObject({
        _tag: "PoolExhaustedError",
        reason: "Timeout",
        waitedMillis: 5_000,
        pool: "replicas"
      })
      const own = yield* fork(Effect.flip(pool.acquireWith({ timeout: "3 seconds" })))
      yield* TestClock.adjust("3 seconds")
      expect(exitOf(own)).toMatchObject({ _tag: "Success", value: { reason: "Timeout", waitedMillis: 3_000 } })
    }))

  it.scoped("is not asked while its opens pause after a fatal error", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b"], { isFatal: () => true, ejectAfter: 10 })
      world.server("a").mode = "refuses"
      for (let i = 0; i < 10; i++) {
        const fiber = yield* fork(pool.use(serverOf))
        yield* TestClock.adjust(5)
        expect(exitOf(fiber)).toEqual(Exit.succeed("b"))
      }
      expect(world.server("a").attempts).toBeLessThanOrEqual(1)
      world.server("b").mode = "refuses"
      yield* pool.clear
      const fiber = yield* fork(Effect.flip(pool.use(serverOf)))
      yield* settled
      expect(exitOf(fiber)).toMatchObject({ value: { _tag: "Refused" } })
      expect(yield* Effect.flip(pool.use(serverOf))).toMatchObject({ _tag: "Refused" })
    }))
})

describe("ejection", () => {
  const ask = (pool: EndpointPool.EndpointPool<any, any>, times: number, millis = 5) =>
    Effect.forEach(Array.from({ length: times }), () =>
      Effect.gen(function*() {
        const fiber = yield* fork(result(pool.use(serverOf)))
        yield* TestClock.adjust(millis)
        return yield* Fiber.join(fiber)
      }))

  it.scoped("comes after ejectAfter failed opens in a row, and ends after a recheck that nobody waits for", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b"], { slowStart: "30 seconds" })
      world.server("a").mode = "refuses"
      yield* ask(pool, 30)
      const [a] = yield* pool.endpoints
      expect(a).toMatchObject({ id: "a", state: "Ejected", failures: 3, ejections: 1, idle: 0 })
      expect(a!.lastError).toContain("Refused")
      expect(a!.ejectedUntil).toBeGreaterThan(7_900)
      expect(a!.ejectedUntil).toBeLessThan(12_500)
      expect(world.server("a").attempts).toBe(3)
      yield* TestClock.adjust("13 seconds")
      // One attempt of the pool's own; the second ejection is twice as long.
      expect([world.server("a").attempts, (yield* pool.endpoints)[0]!.ejections]).toEqual([4, 2])
      world.server("a").mode = "up"
      yield* TestClock.adjust("10 seconds")
      expect(world.server("a").attempts).toBe(4)
      yield* TestClock.adjust("15 seconds")
      expect(world.server("a").attempts).toBe(5)
      expect((yield* pool.endpoints)[0]).toMatchObject({ state: "SlowStart", failures: 0 })
      yield* TestClock.adjust("30 seconds")
      expect((yield* pool.endpoints)[0]!.state).toBe("Up")
    }))

  it.scoped("comes after leases that end with ConnectionError, though connects succeed", () =>
    Effect.gen(function*() {
      const broken = new Set<unknown>()
      const { pool, world } = yield* setup(["a", "b"], { isConnected: (line) => !broken.has(line) })
      world.server("a").mode = "resets"
      const run = Effect.gen(function*() {
        const fiber = yield* fork(result(
          pool.use((line) => Effect.tapError(world.request(line), () => Effect.sync(() => broken.add(line))))
        ))
        yield* TestClock.adjust(20)
        return yield* Fiber.join(fiber)
      })
      const outcomes = yield* Effect.forEach(Array.from({ length: 60 }), () => run)
      // A use is not repeated: three borrowers see the error.
      expect(outcomes.filter(({ _tag }) => _tag === "Failure")).toHaveLength(3)
      expect(yield* statusOf(pool)).toEqual({ a: "Ejected", b: "Up" })
      yield* TestClock.adjust("13 seconds")
      // The recheck can connect. The next failures eject it again, for longer.
      expect(yield* statusOf(pool)).toEqual({ a: "SlowStart", b: "Up" })
      yield* Effect.forEach(Array.from({ length: 300 }), () => run)
      expect((yield* pool.endpoints)[0]).toMatchObject({ state: "Ejected", ejections: 2 })
    }))

  it.scoped("moves those who wait for a connection of it", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", endpointOf("b", { tier: 1 })], {
        ejectAfter: 1,
        maxConnectionsPerEndpoint: 1
      })
      const line = yield* fork(Effect.flip(pool.use((line) => Effect.andThen(Effect.sleep(50), world.request(line)))))
      yield* TestClock.adjust(10)
      world.server("a").mode = "resets"
      const behind = yield* fork(pool.use(serverOf))
      yield* TestClock.adjust(100)
      expect([exitOf(line)?._tag, exitOf(behind)]).toEqual(["Success", Exit.succeed("b")])
    }))

  it.scoped("counts what isFailure says, and a success ends the row", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup(["a", "b"], {
        isFailure: (exit) => Exit.isFailure(exit) && String(exit.cause).includes("slow")
      })
      const a = yield* pool.at("a")
      const end = (work: Effect.Effect<unknown, string>) =>
        Effect.gen(function*() {
          const fiber = yield* fork(result(a.use(() => work)))
          yield* TestClock.adjust(5)
          yield* Fiber.join(fiber)
        })
      const slow = end(Effect.fail("slow"))
      yield* slow
      yield* slow
      yield* end(Effect.void)
      yield* slow
      yield* end(Effect.fail("something else"))
      yield* slow
      expect((yield* pool.endpoints)[0]).toMatchObject({ state: "Up", failures: 2 })
      yield* slow
      expect((yield* pool.endpoints)[0]!.state).toBe("Ejected")
    }))

  it.scoped("does not end because a connect succeeds before the recheck", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b"], { isFailure: Exit.isFailure, ejectAfter: 1 })
      const a = yield* pool.at("a")
      const failing = yield* fork(Effect.flip(a.use(() => Effect.fail("no"))))
      yield* TestClock.adjust(5)
      yield* Fiber.join(failing)
      const two = yield* fork(Effect.scoped(Effect.all([a.get, a.get])))
      yield* TestClock.adjust(5)
      yield* Fiber.join(two)
      expect([world.server("a").opens, yield* statusOf(pool)]).toEqual([2, { a: "Ejected", b: "Up" }])
    }))

  it.scoped("survives an isFailure that dies", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup(["a"], {
        isFailure: () => {
          throw new Error("a mistake")
        }
      })
      const [first] = yield* ask(pool, 2)
      expect(first).toMatchObject({ _tag: "Success" })
    }))

  it.scoped("spares half of the endpoints, and a single one", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b", "c", "d"])
      for (const server of "abcd") world.server(server).mode = "refuses"
      yield* ask(pool, 10, 500)
      expect(Object.values(yield* statusOf(pool)).filter((state) => state === "Ejected")).toHaveLength(2)
      const single = yield* setup(["a"], { name: "single", maxEjected: 1 })
      single.world.server("a").mode = "refuses"
      yield* ask(single.pool, 10, 500)
      expect(yield* statusOf(single.pool)).toEqual({ a: "Up" })
      const none = yield* setup(["a", "b"], { name: "none", maxEjected: 0 })
      none.world.server("a").mode = "refuses"
      yield* ask(none.pool, 30, 500)
      expect(yield* statusOf(none.pool)).toEqual({ a: "Up", b: "Up" })
    }))

  it.scoped("makes an endpoint the last choice, not a forbidden one", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b"], { ejectAfter: 1 })
      world.server("a").mode = "refuses"
      yield* ask(pool, 40)
      expect(yield* statusOf(pool)).toEqual({ a: "Ejected", b: "Up" })
      world.server("a").mode = "up"
      world.server("b").mode = "refuses"
      yield* pool.clear
      const [outcome] = yield* ask(pool, 1)
      expect(outcome).toMatchObject({ _tag: "Success", success: "a" })
    }))

  it.scoped("ends early for waiters of ejected endpoints when another works again", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b", "c"], {
        ejectAfter: 1,
        maxEjected: 1,
        connectTimeout: "20 seconds",
        acquireTimeout: "60 seconds",
        ejectionTime: "1 second"
      })
      for (const server of "abc") world.server(server).mode = "refuses"
      yield* ask(pool, 3)
      expect(Object.values(yield* statusOf(pool))).toEqual(["Ejected", "Ejected", "Ejected"])
      for (const server of "abc") world.server(server).mode = "hangs"
      const waiter = yield* fork(pool.use(serverOf))
      yield* settled
      const { id } = (yield* pool.endpoints).find(({ waiting }) => waiting === 1)!
      const other = [..."abc"].find((name) => name !== id)!
      world.server(other).mode = "up"
      yield* TestClock.adjust("2 seconds")
      expect(exitOf(waiter)).toEqual(Exit.succeed(other))
    }))
})

describe("sets of endpoints", () => {
  it.scoped("are waited for by the first borrowers, in order", () =>
    Effect.gen(function*() {
      const world = new World()
      const { endpoints, publish } = published()
      const pool = yield* makePool(world, ["x"], { endpoints })
      const order: Array<number> = []
      const fibers = yield* Effect.forEach([0, 1, 2], (index) =>
        fork(pool.use(() => Effect.sync(() => order.push(index)))))
      const at = yield* fork(pool.at("a"))
      const ready = yield* fork(pool.awaitReady)
      yield* TestClock.adjust("3 seconds")
      expect([(yield* pool.stats).pending, exitOf(ready), yield* pool.endpoints]).toEqual([3, undefined, []])
      publish()
      publish("a")
      yield* TestClock.adjust(100)
      expect(fibers.map((fiber) =>
        exitOf(fiber)?._tag
      )).toEqual(["Success", "Success", "Success"])
      expect([order, exitOf(at)?._tag, exitOf(ready)]).toEqual([[0, 1, 2], "Success", Exit.void])
    }))

  it.scoped("that never come are a NoEndpointError after acquireTimeout", () =>
    Effect.gen(function*() {
      const world = new World()
      const { endpoints, fail } = published()
      const pool = yield* makePool(world, ["x"], { endpoints, acquireTimeout: "4 seconds" })
      const waits = yield* Effect.forEach(
        [
          pool.use(serverOf),
          Effect.scoped(pool.get),
          pool.acquire,
          pool.awaitReady,
          pool.at("a"),
          pool.tier(0).acquire
        ],
        (effect) => fork(Effect.flip(effect as Effect.Effect<unknown, unknown>))
      )
      fail("the resolver is down")
      yield* TestClock.adjust("4 seconds")
      for (const fiber of waits) {
        const error = (yield* Fiber.join(fiber)) as NoEndpointError
        expect(error).toMatchObject({ _tag: "NoEndpointError", reason: "Empty", pool: "replicas", waitedMillis: 4_000 })
        expect(error.message).toContain("the resolver is down")
      }
      expect(yield* Effect.flip(pool.acquireWith({ timeout: 0 }))).toMatchObject({ reason: "Empty", waitedMillis: 0 })
      expect((yield* pool.stats).failed.Timeout).toBe(4)
    }))

  it.scoped("replace each other: one that has gone lends no more, and its leases end in peace", () =>
    Effect.gen(function*() {
      const world = new World()
      const { endpoints, publish } = published()
      const pool = yield* makePool(world, ["x"], { endpoints, drainTimeout: "1 second", rebalance: Infinity })
      publish("a", "b")
      yield* settled
      const heard = yield* fork(collect(Stream.takeUntil(pool.notices, ({ _tag }) => _tag === "EndpointsEmpty")))
      yield* settled
      const a = yield* pool.at("a")
      const b = yield* pool.at("b")
      const opening = yield* fork(Effect.all([a.acquire, b.acquire]))
      yield* TestClock.adjust(10)
      const [line, other] = yield* Fiber.join(opening)
      yield* fork(Effect.all([a.use(() => Effect.void), b.use(() => Effect.void)]))
      yield* TestClock.adjust(10)
      expect(world.open).toBe(4)
      publish("b", "c")
      yield* TestClock.adjust("5 minutes")
      // The idle connection has closed, and the lease goes on.
      expect([world.server("a").open, line.isClosed]).toEqual([1, false])
      expect(yield* statusOf(pool)).toEqual({ a: "Draining", b: "Up", c: "Up" })
      expect(yield* Effect.flip(a.use(serverOf))).toMatchObject({
        _tag: "NoEndpointError",
        reason: "Unknown",
        endpoint: "a"
      })
      expect(yield* Effect.flip(pool.reconnect(line))).toMatchObject({ _tag: "NoEndpointError" })
      yield* pool.release(line)
      yield* pool.release(other)
      yield* TestClock.adjust(10)
      expect([world.server("a").open, yield* statusOf(pool)]).toEqual([0, { b: "Up", c: "Up" }])
      publish()
      yield* TestClock.adjust(10)
      expect(yield* statusOf(pool)).toEqual({ b: "Up", c: "Up" })
      const events = (yield* Fiber.join(heard)).map(({ _tag, endpoint }) =>
        endpoint === undefined ? _tag : `${_tag} ${endpoint}`
      )
      expect(events.filter((event) => event.startsWith("Opened"))).toHaveLength(4)
      expect(events).toContain("EndpointsChanged")
      expect(events).not.toContain("PoolClosed")
      expect(events).not.toContain("Draining")
      const stats = yield* pool.stats
      expect([stats.opened, stats.acquired]).toEqual([4, 4])
    }))

  it.scoped("move waiters of an endpoint that goes, and close what is being opened to it", () =>
    Effect.gen(function*() {
      const world = new World()
      const { endpoints, publish } = published()
      const pool = yield* makePool(world, ["x"], { endpoints, connectTimeout: "1 hour" })
      world.server("a").mode = "hangs"
      publish("a")
      const waiters = yield* Effect.forEach([1, 2, 3], () => fork(pool.use(serverOf)))
      yield* settled
      expect((yield* pool.endpoints)[0]).toMatchObject({ waiting: 3 })
      publish("b")
      yield* TestClock.adjust(10)
      for (const waiter of waiters) expect(exitOf(waiter)).toEqual(Exit.succeed("b"))
      expect(yield* pool.endpoints).toHaveLength(1)
    }))

  it.scoped("new, old and new again leave no connection outside the newest", () =>
    Effect.gen(function*() {
      const world = new World()
      const { endpoints, publish } = published()
      const pool = yield* makePool(world, ["x"], { endpoints })
      const stop = yield* fork(Effect.forEach(
        Array.from({ length: 20 }),
        () => Effect.forever(result(pool.use(world.request))),
        { concurrency: "unbounded" }
      ))
      for (let round = 0; round < 6; round++) {
        if (round % 2 === 0) publish("a", "b")
        else publish("b", "c")
        yield* TestClock.adjust(30)
      }
      publish("c", "d")
      yield* TestClock.adjust(100)
      expect([world.server("a").open, world.server("b").open]).toEqual([0, 0])
      expect(yield* statusOf(pool)).toMatchObject({ c: expect.anything(), d: expect.anything() })
      yield* Fiber.interrupt(stop)
      expect(world.problems).toEqual([])
      const stats = yield* pool.stats
      expect(stats.opened - Object.values(stats.closed).reduce((a, b) => a + b)).toBe(world.open)
    }))

  it.scoped("reconnect an endpoint that keeps its id and moves to another address", () =>
    Effect.gen(function*() {
      const world = new World()
      const { endpoints, publish } = published()
      const pool = yield* makePool(world, ["x"], { endpoints })
      const ask = Effect.gen(function*() {
        const fiber = yield* fork(pool.use(({ address }) => Effect.succeed(address)))
        yield* TestClock.adjust(10)
        return yield* Fiber.join(fiber)
      })
      publish(endpointOf("a", { host: "10.0.0.1" }))
      expect(yield* ask).toBe("10.0.0.1:1")
      publish(endpointOf("a", { host: "10.0.0.1", weight: 5, tier: 1 }))
      expect(yield* ask).toBe("10.0.0.1:1")
      expect([world.opened, (yield* pool.endpoints)[0]]).toMatchObject([1, { weight: 5, tier: 1 }])
      publish(endpointOf("a", { host: "10.0.0.2" }))
      expect(yield* ask).toBe("10.0.0.2:1")
      expect([world.opened, world.open]).toEqual([2, 1])
    }))

  it.scoped("stay while the discovery fails, which is tried again, and when it ends", () =>
    Effect.gen(function*() {
      const world = new World()
      const { end, endpoints, fail, publish } = published()
      const pool = yield* makePool(world, ["x"], { endpoints })
      publish("a")
      yield* settled
      fail("down")
      yield* TestClock.adjust(10)
      expect(yield* statusOf(pool)).toEqual({ a: "Up" })
      publish({ host: "", port: 0 })
      yield* TestClock.adjust("1 minute")
      expect(yield* statusOf(pool)).toEqual({ a: "Up" })
      publish("b")
      yield* TestClock.adjust("1 minute")
      expect(yield* statusOf(pool)).toEqual({ b: "Up" })
      end()
      yield* TestClock.adjust("1 minute")
      expect(yield* statusOf(pool)).toEqual({ b: "Up" })
    }))

  it.live("come from any stream", () =>
    Effect.scoped(Effect.gen(function*() {
      const world = new World()
      const pool = yield* makePool(world, [], { endpoints: Stream.make([endpointOf("a")], [endpointOf("b")]) })
      yield* Effect.sleep(50)
      expect(yield* pool.use(serverOf)).toBe("b")
      const one = yield* makePool(world, [], { endpoints: Effect.succeed([endpointOf("c")]) as any, name: "one" })
      expect(yield* one.use(serverOf)).toBe("c")
    })))
})

describe("slow start and balance", () => {
  it.scoped("a new endpoint gets less at first, and its part in the end", () =>
    Effect.gen(function*() {
      const world = new World()
      const { endpoints, publish } = published()
      const pool = yield* makePool(world, ["x"], { endpoints, slowStart: "10 seconds", rebalance: Infinity })
      publish("a", "b", "c")
      yield* settled
      const loops = yield* fork(Effect.forEach(
        Array.from({ length: 12 }),
        () => Effect.forever(pool.use(world.request)),
        { concurrency: "unbounded" }
      ))
      yield* TestClock.adjust("1 second")
      publish("a", "b", "c", "d")
      yield* TestClock.adjust("1 second")
      expect((yield* pool.endpoints)[3]!.state).toBe("SlowStart")
      const early = world.server("d").served
      yield* TestClock.adjust("10 seconds")
      const before = ["a", "d"].map((name) => world.server(name).served)
      yield* TestClock.adjust("2 seconds")
      const [a, d] = ["a", "d"].map((name, index) => world.server(name).served - before[index]!)
      // An even part is 300.
      expect(early).toBeLessThan(120)
      expect(d! / a!).toBeGreaterThan(0.7)
      yield* Fiber.interrupt(loops)
    }))

  it.scoped("moves one connection a tick to an endpoint that has too few, and then rests", () =>
    Effect.gen(function*() {
      const world = new World()
      const { endpoints, publish } = published()
      const pool = yield* makePool(world, ["x"], { endpoints, maxConnections: 8, slowStart: 0 })
      publish("a")
      yield* settled
      const fibers = yield* held(pool, 8)
      yield* TestClock.adjust(100)
      yield* Fiber.interruptAll(fibers)
      const warm = yield* held(pool, 8)
      yield* TestClock.adjust(100)
      expect(world.server("a").open).toBe(8)
      publish("a", "b")
      yield* TestClock.adjust("3 seconds")
      // Leased connections move when they come back.
      expect(world.server("b").open).toBe(0)
      const scope = yield* Scope.make()
      yield* Fiber.interruptAll(warm)
      yield* Effect.forEach(Array.from({ length: 8 }), () => fork(provideScope(pool.get, scope)))
      yield* TestClock.adjust("10 seconds")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("10 seconds")
      expect(Math.abs(world.server("a").open - world.server("b").open)).toBeLessThanOrEqual(1)
      const { opened } = world
      yield* TestClock.adjust("1 minute")
      expect(world.opened).toBe(opened)
    }))

  it.scoped("moves idle connections until each endpoint has its part", () =>
    Effect.gen(function*() {
      const world = new World()
      const { endpoints, publish } = published()
      const pool = yield* makePool(world, ["x"], { endpoints, maxConnections: 8, slowStart: 0 })
      publish("a")
      yield* settled
      const fibers = yield* Effect.forEach(Array.from({ length: 8 }), () => fork(pool.use(() => Effect.sleep(10))))
      yield* TestClock.adjust(100)
      yield* Fiber.awaitAll(fibers)
      publish("a", "b")
      yield* TestClock.adjust("10 seconds")
      expect([world.server("a").open, world.server("b").open, world.opened]).toEqual([4, 4, 12])
      yield* TestClock.adjust("1 minute")
      expect(world.opened).toBe(12)
    }))

  it.scoped("gives up no more leased connections than the others lack, however long the leases last", () =>
    Effect.gen(function*() {
      const world = new World()
      const { endpoints, publish } = published()
      const pool = yield* makePool(world, ["x"], { endpoints, maxConnections: 16, slowStart: 0 })
      publish("a")
      yield* settled
      const fibers = yield* Effect.forEach(Array.from({ length: 8 }), () => fork(pool.use(() => Effect.sleep(60_000))))
      yield* TestClock.adjust(100)
      publish("a", "b")
      yield* TestClock.adjust("30 seconds")
      expect([world.server("a").open, world.server("b").open]).toEqual([8, 4])
      yield* TestClock.adjust("1 minute")
      yield* Fiber.awaitAll(fibers)
      expect([world.server("a").open, world.server("b").open, world.opened]).toEqual([4, 4, 12])
    }))

  it.scoped("keeps idle connections where they are if they are even", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b", "c"])
      const scope = yield* Scope.make()
      yield* Effect.forEach(Array.from({ length: 7 }), () => fork(provideScope(pool.get, scope)))
      yield* TestClock.adjust(100)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 minute")
      expect([world.opened, world.open]).toEqual([7, 7])
    }))
})

describe("the pool as a whole", () => {
  it.scoped("has every member of a pool", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b"], { maxConnections: 4, minConnections: 1, concurrency: 1 })
      for (const name of ["a", "b"]) world.server(name).openMillis = 0
      expect([isConnectionPool(pool), pool.concurrency, (yield* Pool.running).includes(pool)]).toEqual([true, 1, true])
      expect((yield* Pool.running).filter(({ name }) => name === "replicas")).toHaveLength(1)
      yield* TestClock.adjust(100)
      yield* pool.awaitReady
      expect([yield* pool.size, world.server("a").open, world.server("b").open]).toEqual([2, 1, 1])
      const line = yield* pool.acquire
      expect([1, 2]).toContain((yield* pool.leases)[0]!.connectionId)
      const again = yield* fork(pool.reconnect(line))
      yield* TestClock.adjust(10)
      const next = yield* Fiber.join(again)
      expect([next.server, line.isClosed, next.isClosed]).toEqual([line.server, true, false])
      yield* pool.invalidate(next)
      yield* pool.release(next)
      yield* TestClock.adjust(10)
      expect(next.isClosed).toBe(true)
      expect(yield* Effect.flip(pool.release(next))).toMatchObject({
        _tag: "ConnectionNotFoundError",
        pool: "replicas"
      })
      const other = yield* pool.acquireWith({ timeout: 0 })
      yield* pool.drop(other)
      yield* Effect.scoped(pool.exclusive)
      expect(yield* pool.useExclusive(({ server }) => Effect.succeed(server.length))).toBe(1)
      yield* TestClock.adjust(100)
      expect([yield* pool.dropExpired, yield* pool.size]).toEqual([0, 2])
      const ids = (yield* Effect.scoped(Effect.andThen(pool.get, pool.leases))).map(({ connectionId }) => connectionId)
      yield* pool.dropById(ids[0]!)
      expect(yield* Effect.flip(pool.dropById(999))).toMatchObject({ operation: "drop" })
      yield* TestClock.adjust(100)
      const stats = yield* pool.stats
      expect([stats.maxConnections, stats.minConnections, stats.idle]).toEqual([4, 2, 2])
      expect((yield* pool.times).openTime.count).toBe(world.opened)
      expect((yield* pool.advise).isFounded).toBe(false)
      expect(JSON.parse(JSON.stringify(pool))).toMatchObject({ _id: "@socketpool/core/EndpointPool", name: "replicas" })
      yield* pool.resize({ min: 0 })
      yield* pool.clear
      yield* TestClock.adjust(100)
      expect([yield* pool.size, (yield* pool.stats).minConnections]).toEqual([0, 0])
      expect(yield* Effect.exit(pool.resize({ max: 0 }))).toMatchObject({ _tag: "Failure" })
    }))

  it.scoped("does not wait, or for too long, or for itself", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup(["a", "b"], { maxConnections: 2, maxPending: 1 })
      yield* settled
      expect(yield* Effect.flip(pool.acquireWith({ timeout: 0 }))).toMatchObject({ reason: "NoWait" })
      yield* TestClock.adjust(10)
      yield* Effect.flatMap(pool.acquireWith({ timeout: 0 }), (line) => pool.release(line))
      const deadlock = yield* fork(Effect.scoped(Effect.andThen(
        Effect.all([pool.get, pool.get]),
        Effect.flip(pool.use(serverOf))
      )))
      yield* TestClock.adjust(50)
      expect(exitOf(deadlock)).toMatchObject({ value: { reason: "SelfDeadlock", heldByCaller: 2 } })
      yield* held(pool, 2)
      yield* TestClock.adjust(10)
      yield* fork(pool.use(serverOf))
      yield* settled
      const error = yield* Effect.flip(pool.use(serverOf))
      expect(error).toMatchObject({ _tag: "PoolExhaustedError", reason: "QueueFull", stats: { pending: 1, inUse: 2 } })
    }))

  it.scoped("finds the one idle connection for a borrower that does not wait", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b", "c", "d"], { rebalance: Infinity, maxConnections: 1 })
      world.server("a").openMillis = 0
      const a = yield* pool.at("a")
      yield* a.use(serverOf)
      // A place that is not taken yet makes the choice free.
      yield* pool.resize({ max: 2 })
      const found: Array<string> = []
      for (let i = 0; i < 5; i++) {
        for (const name of ["b", "c", "d"]) world.server(name).mode = "hangs"
        const line = yield* pool.acquireWith({ timeout: 0 })
        found.push(line.server)
        yield* pool.release(line)
      }
      expect(found).toEqual(["a", "a", "a", "a", "a"])
    }))

  it.scoped("says that time is up, and not that one endpoint refuses, while opens are delayed", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", "b"], { maxEjected: 0 })
      world.server("a").mode = "refuses"
      const a = yield* pool.at("a")
      for (let i = 0; i < 15; i++) {
        const fiber = yield* fork(Effect.flip(a.use(serverOf)))
        yield* TestClock.adjust(i < 10 ? 0 : 100)
        yield* Fiber.join(fiber)
      }
      const waiter = yield* fork(Effect.flip(a.acquireWith({ timeout: 20 })))
      yield* TestClock.adjust(50)
      const error = (yield* Fiber.join(waiter)) as { readonly lastConnectError?: unknown }
      expect(error).toMatchObject({ _tag: "PoolExhaustedError", reason: "Timeout", waitedMillis: 20 })
      expect(error.lastConnectError).toMatchObject({ _tag: "Refused" })
    }))

  it.scoped("has parts: one endpoint, one tier", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", endpointOf("b", { tier: 1 }), endpointOf("c", { tier: 1 })])
      const ask = (part: { readonly use: typeof pool.use }) =>
        Effect.gen(function*() {
          const fiber = yield* fork(result(part.use(serverOf)))
          yield* TestClock.adjust(10)
          return yield* Fiber.join(fiber)
        })
      for (let i = 0; i < 5; i++) expect(yield* ask(yield* pool.at("b"))).toMatchObject({ success: "b" })
      for (let i = 0; i < 5; i++) {
        const outcome = yield* ask(pool.tier(1))
        expect(["b", "c"]).toContain(outcome._tag === "Success" ? outcome.success : undefined)
      }
      expect((yield* (yield* pool.at("b")).stats).acquired).toBeGreaterThanOrEqual(5)
      expect((yield* pool.stats).acquired).toBe(10)
      expect(yield* Effect.flip(pool.at("z"))).toMatchObject({ reason: "Unknown", endpoint: "z" })
      expect(yield* Effect.flip(pool.tier(7).acquire)).toMatchObject({ reason: "Unknown", tier: 7, waitedMillis: 0 })
      world.server("a").mode = "refuses"
      // A tier never goes to another one.
      expect(yield* ask(pool.tier(0))).toMatchObject({ _tag: "Failure", failure: { _tag: "Refused" } })
      yield* (yield* pool.at("b")).close
      expect(yield* ask(yield* pool.at("b"))).toMatchObject({ success: "b" })
    }))

  it.scoped("closes once, with all that waits and all that leaves", () =>
    Effect.gen(function*() {
      const world = new World()
      const { endpoints, publish } = published()
      const pool = yield* makePool(world, ["x"], { endpoints, maxConnections: 2, drainTimeout: "3 seconds" })
      publish("a", "b")
      yield* settled
      const last = yield* fork(Stream.runLast(pool.events))
      const leases = yield* held(pool, 2)
      yield* TestClock.adjust(10)
      publish("b")
      yield* settled
      const waiter = yield* fork(Effect.flip(pool.use(serverOf)))
      yield* settled
      const closing = yield* fork(Effect.all([pool.close, pool.close], { concurrency: 2 }))
      yield* TestClock.adjust(10)
      expect(exitOf(waiter)).toMatchObject({ value: { _tag: "PoolClosedError", pool: "replicas" } })
      expect(yield* Effect.flip(pool.use(serverOf))).toMatchObject({ _tag: "PoolClosedError" })
      expect(yield* Effect.flip(pool.awaitReady)).toMatchObject({ _tag: "PoolClosedError" })
      expect(exitOf(closing)).toBeUndefined()
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(closing)
      expect([world.open, (yield* Pool.running).includes(pool)]).toEqual([0, false])
      expect(yield* Fiber.join(last)).toMatchObject({ value: { _tag: "PoolClosed" } })
      yield* Fiber.interruptAll(leases)
    }))

  it.scoped("is among the running pools of endpoints, and its endpoints are in no list, until it has closed", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup(["a", "b"], { drainTimeout: "1 second" })
      const plain = yield* Pool.make({ name: "plain", open: Effect.succeed({}) })
      const named = Effect.map(
        Effect.all([EndpointPool.running, Pool.running]),
        ([ofEndpoints, all]) => [
          ofEndpoints.map((one) => one === pool),
          all.filter(({ name }) => ["replicas", "plain"].includes(name)).map((one) => [pool, plain].indexOf(one as any))
        ]
      )
      yield* held(pool, 1)
      yield* TestClock.adjust(100)
      expect(yield* named).toEqual([[true], [0, 1]])
      const closing = yield* fork(pool.close)
      yield* settled
      expect(yield* named).toEqual([[true], [0, 1]])
      yield* TestClock.adjust("1 second")
      expect([exitOf(closing), ...yield* named]).toEqual([Exit.void, [], [1]])
    }))

  it.scoped("counts the leases of each endpoint", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup(["a", "b"])
      const leases = yield* fork(
        Effect.scoped(Effect.andThen(Effect.flatMap(pool.at("a"), (a) => a.get), Effect.never))
      )
      for (let i = 0; i < 3; i++) {
        const fiber = yield* fork(Effect.flatMap(pool.at("b"), (b) => b.use(serverOf)))
        yield* TestClock.adjust(5)
        yield* Fiber.join(fiber)
      }
      expect((yield* pool.endpoints).map(({ acquired }) => acquired)).toEqual([1, 3])
      yield* Fiber.interrupt(leases)
    }))

  it.scoped("is a service, and takes pools that the caller makes", () =>
    Effect.gen(function*() {
      class Replicas extends EndpointPool.Service<Replicas, { readonly server: string }>()("test/Replicas") {}
      const asked = yield* Effect.all([
        Replicas.use(serverOf),
        Effect.flatMap(Replicas.tier(0), (part) => part.use(serverOf)),
        Effect.flatMap(Replicas.at("a:1"), (part) => part.use(serverOf)),
        Effect.map(Replicas.endpoints, (all) => all[0]!.id)
      ]).pipe(Effect.provide(Replicas.layer({
        endpoints: Endpoints.of({ host: "a", port: 1 }),
        open: ({ host }) => Effect.succeed({ server: host })
      })))
      expect(asked).toEqual(["a", "a", "a", "a:1"])
      const pool = yield* EndpointPool.fromPools({
        endpoints: Endpoints.of({ host: "a", port: 1 }),
        make: ({ host }, share) => Pool.make({ ...share, open: Effect.succeed({ server: host }) })
      })
      expect(yield* pool.use(serverOf)).toBe("a")
    }))

  it.scoped("refuses wrong options", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<[object, string]> = [
        [{ endpoints: [] }, "EndpointPool.make: endpoints must be a Stream of sets of endpoints, but is []"],
        [{ ejectAfter: 0 }, "ejectAfter"],
        [{ maxEjected: 1.5 }, "maxEjected must be from 0 to 1"],
        [{ ejectionTime: 0 }, "ejectionTime"],
        [{ slowStart: -1 }, "slowStart"],
        [{ rebalance: 0 }, "rebalance"],
        [{ isFailure: true }, "isFailure"],
        [{ maxConnectionsPerEndpoint: 0 }, "maxConnectionsPerEndpoint"],
        [{ minConnections: 300 }, "minConnections"],
        [{ open: Effect.succeed(1) }, "open must be a function"],
        [{ ejectafter: 1 }, "ejectafter"]
      ]
      // Options contradict each other in the same way for both ways to make the pools.
      const contradictions: ReadonlyArray<[object, string]> = [
        [{ maxConnections: 2, initialConnections: 3 }, "initialConnections must be at most maxConnections (2)"],
        [{ maxConnections: 2, minConnections: 3 }, "minConnections must be at most maxConnections (2)"],
        [{ budgetWeight: 2 }, "budgetWeight must be set only together with budget"],
        [{ budget: yield* Budget.make({ maxConnections: 1 }), minConnections: 2 }, "minConnections must be at most 1"],
        [{ probeInterval: "1 second" }, "probeInterval must be set only together with probe"]
      ]
      const refusal = <A>(made: Effect.Effect<A, unknown, Scope.Scope>) =>
        Effect.map(Effect.exit(Effect.scoped(made)), (exit) => String(Exit.isFailure(exit) && exit.cause))
      for (const [options, message] of [...wrong, ...contradictions]) {
        expect(yield* refusal(makePool(new World(), ["a"], options))).toContain(message)
      }
      const endpoints = Endpoints.of({ host: "a", port: 1 })
      for (const [options, message] of contradictions) {
        expect(yield* refusal(EndpointPool.fromPools({ endpoints, make: () => Effect.never, ...options })))
          .toContain(`EndpointPool.fromPools: ${message}`)
      }
      const { pool } = yield* setup(["a"])
      expect(() => pool.tier(-1)).toThrow(RangeError)
      expect(yield* Effect.exit(pool.at(""))).toMatchObject({ _tag: "Failure" })
      expect(new ConnectionError({ reason: "Reset", operation: "read", address: "a" })._tag).toBe("ConnectionError")
    }))
})
