// Servers that change their roles: the probe of new connections, the probe from time to time, the tiers.
import { ConnectionError, type EndpointPool, NoEndpointError } from "@socketpool/core"
import { collect, exitOf, fork, TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import { endpointOf, type Options, setup, type World } from "./endpointPool/world.js"
import { settled } from "./setup.js"

const settledAfter = (millis: number) => Effect.andThen(TestClock.adjust(millis), settled)

/** A pool whose servers are asked for the roles that `roles` gives them. */
const withRoles = (roles: Readonly<Record<string, number>>, options: Options = {}) =>
  Effect.gen(function*() {
    let world: World | undefined
    const made = yield* setup(Object.keys(roles), {
      probe: (line) => world!.probe(line),
      ...options
    })
    world = made.world
    for (const [name, role] of Object.entries(roles)) world.server(name).role = role
    return made
  })

const tiers = (pool: EndpointPool.EndpointPool<any, any>) =>
  Effect.map(pool.endpoints, (all) => Object.fromEntries(all.map(({ id, tier }) => [id, tier])))

const messageOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "a success"

type Made = Effect.Effect.Success<ReturnType<typeof withRoles>>

/** Holds a connection of a tier, and tells which server it is of. */
const ask = ({ pool, world }: Made, tier: number, work: Effect.Effect<unknown> = Effect.void) =>
  pool.tier(tier).use((line) => world.holding(line, Effect.as(work, { server: line.server, answered: line.answered })))

describe("the probe", () => {
  it.scoped("finds the roles before anybody borrows, and keeps a connection to each endpoint", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* withRoles({ a: 1, b: 0, c: 1 })
      yield* settledAfter(10)
      expect(yield* tiers(pool)).toEqual({ a: 1, b: 0, c: 1 })
      expect([world.opened, world.open]).toEqual([3, 3])
      expect((yield* pool.stats).pending).toBe(0)
    }))

  it.scoped("sends a borrower to the tier that it asks for, from the first one on", () =>
    Effect.gen(function*() {
      const made = yield* withRoles({ a: 1, b: 0, c: 1 })
      const primary = yield* Effect.forEach([1, 2, 3], () => fork(ask(made, 0)))
      const replica = yield* Effect.forEach([1, 2, 3], () => fork(ask(made, 1)))
      const any = yield* fork(made.pool.use(({ server }) => Effect.succeed(server)))
      yield* settledAfter(20)
      for (const fiber of primary) expect(yield* Fiber.join(fiber)).toEqual({ server: "b", answered: 0 })
      for (const fiber of replica) expect((yield* Fiber.join(fiber)).answered).toBe(1)
      expect(yield* Fiber.join(any)).toBe("b")
    }))

  it.scoped("asks every new connection before it is lent", () =>
    Effect.gen(function*() {
      const made = yield* withRoles({ a: 0, b: 1 }, { probeInterval: "1 hour" })
      yield* settledAfter(10)
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () => fork(ask(made, 0, Effect.sleep(5))))
      yield* settledAfter(50)
      for (const fiber of fibers) expect(yield* Fiber.join(fiber)).toEqual({ server: "a", answered: 0 })
      expect(made.world.server("a").probes).toBe(made.world.server("a").opens)
    }))

  it.scoped("asks again at each interval, ±10 %, and only then", () =>
    Effect.gen(function*() {
      const { world } = yield* withRoles({ a: 0, b: 1 }, { probeInterval: "20 seconds" })
      yield* settledAfter(100)
      const first = world.server("a").probes
      yield* settledAfter(17_500)
      expect(world.server("a").probes).toBe(first)
      yield* settledAfter(5_000)
      expect(world.server("a").probes).toBe(first + 1)
      for (let i = 0; i < 10; i++) yield* settledAfter(20_000)
      expect(Math.abs(world.server("a").probes - first - 11)).toBeLessThanOrEqual(1)
      expect(world.server("a").opens).toBe(1)
    }))

  it.scoped("moves an endpoint whose answer is another, and condemns its connections", () =>
    Effect.gen(function*() {
      const made = yield* withRoles({ a: 0, b: 1 })
      const { pool, world } = made
      yield* settledAfter(10)
      const seen = yield* fork(collect(Stream.filter(pool.events, ({ _tag }) => _tag === "EndpointMoved")))
      const long = yield* fork(ask(made, 0, Effect.sleep("1 minute")))
      yield* settledAfter(10)
      const before = world.opened
      world.server("a").role = 1
      world.server("b").role = 0
      yield* settledAfter(12_000)
      expect(yield* tiers(pool)).toEqual({ a: 1, b: 0 })
      // The one that is lent stays open until it comes back; nobody gets it again.
      expect(exitOf(long)).toBe(undefined)
      const [old, fresh] = [yield* fork(ask(made, 1)), yield* fork(ask(made, 0))]
      yield* settledAfter(100)
      expect([yield* Fiber.join(old), yield* Fiber.join(fresh)]).toEqual([
        { server: "a", answered: 1 },
        { server: "b", answered: 0 }
      ])
      expect(world.opened).toBeGreaterThan(before)
      yield* settledAfter(60_000)
      expect((yield* Fiber.join(long)).server).toBe("a")
      expect((yield* pool.stats).closed.Cleared).toBe(before)
      yield* pool.close
      const moved = (yield* Fiber.join(seen)).map((event) =>
        event._tag === "EndpointMoved" && [event.endpoint, event.from, event.to]
      )
      expect(moved.sort()).toEqual([["a", 0, 1], ["b", 1, 0]])
    }))

  it.scoped("asks the others at once when one has moved", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* withRoles({ a: 0, b: 1, c: 1 }, { probeInterval: "1 hour" })
      yield* settledAfter(10)
      world.server("a").role = 1
      world.server("b").role = 0
      // Only a new connection can tell.
      yield* Effect.flatMap(pool.at("b"), (b) => b.clear)
      const fiber = yield* fork(Effect.flatMap(pool.at("b"), (b) => b.use(() => Effect.void)))
      yield* settledAfter(20)
      yield* Fiber.join(fiber)
      expect(yield* tiers(pool)).toEqual({ a: 1, b: 0, c: 1 })
    }))

  it.scoped("lets those who wait at an endpoint that moves go to one of their tier", () =>
    Effect.gen(function*() {
      const made = yield* withRoles({ a: 0, b: 1 })
      const { pool, world } = made
      yield* settledAfter(10)
      world.server("a").role = 1
      world.server("b").role = 0
      world.server("a").openMillis = 1_000
      yield* Effect.flatMap(pool.at("a"), (a) => a.clear)
      const waiting = yield* Effect.forEach([1, 2, 3], () => fork(ask(made, 0)))
      yield* settledAfter(990)
      expect(waiting.map(exitOf)).toEqual([undefined, undefined, undefined])
      yield* settledAfter(20)
      for (const fiber of waiting) expect(yield* Fiber.join(fiber)).toEqual({ server: "b", answered: 0 })
      // Of the three that were being opened, the one that told it stays.
      expect([world.server("a").open, world.server("a").closes]).toEqual([1, 3])
    }))

  it.scoped("gives a borrower nothing of an endpoint that moves while a connection is on its way to it", () =>
    Effect.gen(function*() {
      const made = yield* withRoles({ a: 0, b: 1 }, { maxConnectionsPerEndpoint: 2 })
      const { pool, world } = made
      yield* settledAfter(10)
      yield* Effect.flatMap(pool.at("a"), (a) => a.clear)
      // Two connections are opened for two borrowers: the first answer is the old one, the second the new one.
      world.server("a").roles.push(0, 1)
      world.server("a").role = 1
      world.server("b").role = 0
      const fibers = yield* Effect.forEach([1, 2], () => fork(ask(made, 0)))
      yield* settledAfter(3_000)
      for (const fiber of fibers) expect((yield* Fiber.join(fiber)).answered).toBe(0)
      expect(yield* tiers(pool)).toEqual({ a: 1, b: 0 })
    }))

  it.scoped("takes a connection back by the tier that lent it, although its endpoint has moved", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* withRoles({ a: 0, b: 1 }, { maxConnectionsPerEndpoint: 2 })
      yield* settledAfter(10)
      const primary = pool.tier(0)
      const leases = yield* Effect.all([primary.acquire, fork(primary.acquire)])
      yield* settledAfter(10)
      const other = yield* Fiber.join(leases[1])
      world.server("a").role = 1
      yield* Effect.flatMap(pool.at("a"), (a) => a.resize({ max: 3 }))
      yield* settledAfter(30_000)
      expect(yield* tiers(pool)).toEqual({ a: 1, b: 1 })
      yield* primary.release(leases[0])
      yield* primary.drop(other)
      yield* settledAfter(10)
      expect((yield* pool.stats).leased).toBe(0)
    }))

  it.scoped("closes a connection whose probe has failed", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* withRoles({ a: 0 })
      yield* settledAfter(10)
      world.server("a").role = "fails"
      yield* settledAfter(11_200)
      world.server("a").role = 0
      yield* settledAfter(2_000)
      expect([world.server("a").closes > 0, world.server("a").open]).toEqual([true, 1])
      expect((yield* pool.stats).closed.Invalid).toBe(1)
    }))

  it.scoped("holds borrowers of a tier that no endpoint has, until one comes to it, and asks every second", () =>
    Effect.gen(function*() {
      const made = yield* withRoles({ a: 1, b: 1 }, { acquireTimeout: "30 seconds" })
      const { pool, world } = made
      yield* settledAfter(100)
      const waiting = yield* fork(ask(made, 0))
      const ready = yield* fork(pool.tier(0).awaitReady)
      yield* settledAfter(3_000)
      expect([exitOf(waiting), exitOf(ready)]).toEqual([undefined, undefined])
      world.server("b").role = 0
      yield* settledAfter(1_200)
      expect(yield* Fiber.join(waiting)).toEqual({ server: "b", answered: 0 })
      yield* Fiber.join(ready)
    }))

  it.scoped("fails them with NoEndpointError in time, and at once those that do not wait", () =>
    Effect.gen(function*() {
      const made = yield* withRoles({ a: 1, b: 1 }, { acquireTimeout: "5 seconds" })
      const { pool } = made
      yield* settledAfter(100)
      const waiting = yield* fork(ask(made, 0))
      const ready = yield* fork(pool.tier(0).awaitReady)
      const none = yield* Effect.flip(pool.tier(0).acquireWith({ timeout: 0 }))
      expect(none).toMatchObject({ _tag: "NoEndpointError", reason: "Unknown", tier: 0, waitedMillis: 0 })
      yield* settledAfter(5_000)
      const error = yield* Effect.flip(Fiber.join(waiting))
      expect(error).toMatchObject({ _tag: "NoEndpointError", reason: "Unknown", tier: 0, waitedMillis: 5_000 })
      expect((error as Error).message).toContain(
        "there is no endpoint of tier 0 in the newest set; the borrower waited for 5000 ms"
      )
      expect((yield* Effect.flip(Fiber.join(ready)))._tag).toBe("NoEndpointError")
      expect((yield* pool.stats).pending).toBe(0)
    }))

  it.scoped("lets an interrupted one go", () =>
    Effect.gen(function*() {
      const made = yield* withRoles({ a: 1 })
      yield* settledAfter(100)
      const waiting = yield* fork(ask(made, 0))
      yield* settledAfter(100)
      expect((yield* made.pool.stats).pending).toBe(1)
      yield* Fiber.interrupt(waiting)
      expect((yield* made.pool.stats).pending).toBe(0)
    }))

  it.scoped("finds a new primary within seconds of the old one's end", () =>
    Effect.gen(function*() {
      const made = yield* withRoles({ a: 0, b: 1, c: 1 }, { probeInterval: "1 hour", ejectAfter: 1 })
      const { pool, world } = made
      yield* settledAfter(10)
      world.server("a").mode = "refuses"
      world.server("c").role = 0
      const lost = yield* fork(Effect.exit(pool.tier(0).use(world.request)))
      yield* settledAfter(10)
      expect(Exit.isFailure(yield* Fiber.join(lost))).toBe(true)
      yield* settledAfter(1_200)
      const next = yield* fork(pool.tier(0).use(world.request))
      yield* settledAfter(100)
      expect(yield* Fiber.join(next)).toBe("c")
    }))

  it.scoped("finds a new primary within seconds, although it is ejected for minutes", () =>
    Effect.gen(function*() {
      const made = yield* withRoles({ a: 0, b: 1, c: 1 }, { probeInterval: "10 seconds", ejectionTime: "5 minutes" })
      const { pool, world } = made
      yield* settledAfter(10)
      world.server("b").mode = "refuses"
      yield* settledAfter(60_000)
      expect((yield* pool.endpoints).map(({ state }) => state)).toEqual(["Up", "Ejected", "Up"])
      const attempts = world.server("b").attempts
      yield* settledAfter(20_000)
      // Nobody needs it.
      expect(world.server("b").attempts).toBe(attempts)
      world.server("b").mode = "up"
      world.server("b").role = 0
      world.server("a").mode = "refuses"
      const lost = yield* fork(Effect.exit(pool.tier(0).use(world.request)))
      yield* settledAfter(10)
      expect(Exit.isFailure(yield* Fiber.join(lost))).toBe(true)
      yield* settledAfter(2_400)
      expect(yield* tiers(pool)).toEqual({ a: 0, b: 0, c: 1 })
      const next = yield* fork(pool.tier(0).use(world.request))
      yield* settledAfter(100)
      expect(yield* Fiber.join(next)).toBe("b")
      expect((yield* pool.endpoints)[1]!.state).not.toBe("Ejected")
    }))

  it.scoped("asks an ejected endpoint for a borrower that waits for a tier", () =>
    Effect.gen(function*() {
      const made = yield* withRoles({ a: 1, b: 1 }, { ejectionTime: "5 minutes", acquireTimeout: "1 minute" })
      const { pool, world } = made
      yield* settledAfter(10)
      world.server("b").mode = "refuses"
      yield* settledAfter(60_000)
      expect((yield* pool.endpoints).map(({ state }) => state)).toEqual(["Up", "Ejected"])
      world.server("b").mode = "up"
      world.server("b").role = 0
      const waiting = yield* fork(ask(made, 0))
      yield* settledAfter(2_400)
      expect(exitOf(waiting)).toEqual(Exit.succeed({ server: "b", answered: 0 }))
    }))
})

describe("a probe that fails", () => {
  it.scoped("fails an open with the reason, and lends nothing", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* withRoles({ a: 0 })
      world.server("a").role = "fails"
      const exit = yield* fork(Effect.flip(pool.use(() => Effect.die("it was lent"))))
      yield* settledAfter(100)
      const error = yield* Fiber.join(exit)
      expect(error).toBeInstanceOf(NoEndpointError)
      expect(error).toMatchObject({ reason: "ProbeFailed", endpoint: "a", cause: { _tag: "NoAnswer" } })
      expect((error as NoEndpointError).message).toContain(
        "Pool \"replicas\": the probe of the endpoint \"a\" failed with NoAnswer: no answer. Check that the probe is right " +
          "for this server."
      )
      expect(world.open).toBe(0)
    }))

  it.scoped("counts as a failure of the endpoint, and the last answer stays", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* withRoles({ a: 0, b: 0, c: 1 }, { ejectAfter: 3 })
      yield* settledAfter(100)
      world.server("a").role = "fails"
      yield* settledAfter(15_000)
      const [a] = yield* pool.endpoints
      expect(a).toMatchObject({ state: "Ejected", tier: 0 })
      expect(a!.lastError).toContain("no answer")
      expect((yield* pool.endpoints).map(({ tier }) => tier)).toEqual([0, 0, 1])
      world.server("a").role = 0
      yield* settledAfter(60_000)
      expect((yield* pool.endpoints)[0]!.state).not.toBe("Ejected")
    }))

  it.scoped("has a limit of 5 seconds, or of the interval", () =>
    Effect.gen(function*() {
      for (const [probeInterval, millis] of [["1 minute", 5_000], ["2 seconds", 2_000]] as const) {
        const { pool, world } = yield* withRoles({ a: 0 }, { probeInterval, connectTimeout: "1 minute" })
        world.server("a").role = "hangs"
        const exit = yield* fork(Effect.flip(pool.use(() => Effect.void)))
        yield* settledAfter(millis - 10)
        expect(exitOf(exit)).toBe(undefined)
        yield* settledAfter(20)
        const error = (yield* Fiber.join(exit)) as NoEndpointError
        expect(error.cause).toMatchObject({ _tag: "ConnectionError", reason: "Timeout" })
        yield* pool.close
      }
    }))

  it.scoped("is a defect where it dies, or answers what is no tier", () =>
    Effect.gen(function*() {
      for (const role of ["dies", "nonsense"] as const) {
        const { pool, world } = yield* withRoles({ a: 0 })
        world.server("a").role = role
        const exit = yield* fork(Effect.exit(pool.use(() => Effect.void)))
        yield* settledAfter(100)
        const defect = messageOf(yield* Fiber.join(exit))
        expect(defect).toContain(
          role === "dies" ? "a defect" : "the probe of replicas: tier must be a whole number of at least 0, but is -1"
        )
        expect(world.open).toBe(0)
      }
    }))

  it.scoped("never reaches a borrower that did not wait for that connection", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* withRoles({ a: 0, b: 0 }, { maxConnections: 4 })
      yield* settledAfter(100)
      world.server("a").role = "fails"
      for (let i = 0; i < 40; i++) {
        const fiber = yield* fork(pool.use(world.request))
        yield* settledAfter(500)
        expect(exitOf(fiber)?._tag).toBe("Success")
      }
    }))
})

describe("probing", () => {
  it.scoped("ends with the pool and with the endpoint's part in it", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* withRoles({ a: 0, b: 1 })
      yield* settledAfter(100)
      yield* pool.close
      const asked = world.server("a").probes
      yield* settledAfter(60_000)
      expect([world.server("a").probes, world.open]).toEqual([asked, 0])
    }))

  it.scoped("does not hold up the close by a question that hangs", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* withRoles({ a: 0 }, { probeInterval: "1 second", drainTimeout: "1 minute" })
      yield* settledAfter(100)
      world.server("a").role = "hangs"
      yield* settledAfter(1_150)
      expect((yield* pool.stats).inUse).toBe(1)
      const closing = yield* fork(pool.close)
      yield* settledAfter(10)
      expect([exitOf(closing)?._tag, world.open]).toEqual(["Success", 0])
    }))

  it.scoped("is not needed for a pool without it: tiers are those of the set, and nobody waits for one", () =>
    Effect.gen(function*() {
      const { pool, world } = yield* setup(["a", endpointOf("b", { tier: 1 })])
      expect(yield* Effect.flip(pool.tier(2).use(() => Effect.void))).toMatchObject({ reason: "Unknown", tier: 2 })
      yield* settledAfter(10_000)
      expect([world.opened, world.server("a").probes]).toEqual([0, 0])
    }))

  it.scoped("counts no failure of a borrower's own twice", () =>
    Effect.gen(function*() {
      const { pool } = yield* withRoles({ a: 0, b: 0 })
      yield* settledAfter(100)
      const reset = new ConnectionError({ reason: "Reset", operation: "read", address: "a" })
      const fiber = yield* fork(Effect.exit(Effect.flatMap(pool.at("a"), (a) => a.use(() => Effect.fail(reset)))))
      yield* settledAfter(10)
      yield* Fiber.join(fiber)
      expect((yield* pool.endpoints).map(({ failures }) => failures)).toEqual([1, 0])
    }))
})
