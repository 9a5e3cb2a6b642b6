import { FastCheck, fork, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Clock, Duration, Effect, Fiber, Schedule } from "effect"
import { id, settled, setup, warmUp } from "./setup.js"

const everySecond = Schedule.spaced("1 second")

describe("idle connections", { timeout: 20_000 }, () => {
  // F38
  it.scoped("close after idleTimeout, if nothing else is set", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ idleTimeout: "30 seconds" })
      yield* warmUp(pool, 5)
      yield* TestClock.adjust(29_999)
      assert.strictEqual(connector.live, 5)
      yield* TestClock.adjust(1)
      assert.strictEqual(connector.live, 0)
      assert.strictEqual((yield* pool.stats).closed.Stale, 5)
    }))

  // F39
  it.scoped("are neither closed nor passed over where the floor would only open others for them", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        minConnections: 2,
        idleTimeout: "1 minute",
        connectionTTL: Duration.infinity
      })
      yield* settled
      yield* warmUp(pool, 2)
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(connector.log, ["open 1", "open 2"])
      // The pool also lends the connections that its floor keeps.
      yield* warmUp(pool, 2)
      assert.strictEqual(connector.attempts, 2)
    }))

  // F40
  it.scoped.each(["idleTimeout", "connectionTTL"])(
    "are all closed at once, a thousand of them, after %s",
    (limit) =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1000, ttlJitter: 0, [limit]: "180 seconds" })
        yield* warmUp(pool, 1000)
        assert.strictEqual(yield* pool.size, 1000)
        yield* TestClock.adjust("180 seconds")
        const { closed, idle } = yield* pool.stats
        assert.deepStrictEqual([idle, closed.Stale + closed.Expired], [0, 1000])
      })
  )

  // F34
  it.scoped("are not lent after idleTimeout although nobody has closed them", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ idleTimeout: "1 minute", reapExpired: false })
      yield* warmUp(pool, 3)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* pool.size, 3)
      assert.strictEqual(yield* pool.use(id), 4)
    }))

  // F35
  it.scoped("are never met by a borrower after the server's own limit, when idleTimeout is less than that", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ idleTimeout: "55 seconds", connectionTTL: Duration.infinity })
      const met: Array<boolean> = []
      for (const pause of [1, 30, 54, 55, 56, 59, 60, 61, 90, 54, 600]) {
        yield* TestClock.adjust(pause * 1000)
        // The server closes what has been idle for a minute, and the pool does not hear of it.
        if (pause >= 60) { for (let n = 1; n <= connector.opened; n++) connector.connection(n).kill() }
        yield* pool.use((connection) => Effect.sync(() => met.push(connection.alive)))
      }
      assert.deepStrictEqual(met.filter((alive) => !alive), [])
      assert.isAtLeast((yield* pool.stats).closed.Stale, 5)
    }))

  const orders = [["lifo", 1], ["fifo", 20]] as const
  // F41, F56
  it.scoped.each(orders)(
    "after a burst of 20 under one borrower a second, order %s, are in the end: %i",
    ([order, left]) =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ order, idleTimeout: "30 seconds", connectionTTL: Duration.infinity })
        yield* warmUp(pool, 20)
        for (let second = 0; second < 60; second++) {
          yield* TestClock.adjust("1 second")
          yield* pool.use(id)
        }
        assert.strictEqual(yield* pool.size, left)
      })
  )
})

describe("connections that are born together", { timeout: 20_000 }, () => {
  const setupTogether = (ttlJitter: number) =>
    setup({
      initialConnections: 100,
      maxConnecting: 100,
      connectionTTL: "50 seconds",
      ttlJitter,
      reapSchedule: Schedule.spaced("500 millis")
    })

  // F37
  it.scoped("expire one after another: each has drawn its own share of ttlJitter, once", () =>
    Effect.gen(function*() {
      const { connector } = yield* setupTogether(0.2)
      yield* TestClock.adjust("39 seconds")
      assert.strictEqual(connector.live, 100)
      const left: Array<number> = []
      for (let second = 40; second <= 50; second++) {
        yield* TestClock.adjust("1 second")
        left.push(connector.live)
      }
      assert.strictEqual(left.at(-1), 0)
      // Drawn anew by every sweep, nearly all would have gone in the first few seconds.
      assert.isAtLeast(left[5]!, 25)
      assert.isAtMost(left[5]!, 75)
      assert.isBelow(Math.max(...left.map((live, i) => (left[i - 1] ?? 100) - live)), 30)
    }))

  // F37
  it.scoped("expire together without ttlJitter", () =>
    Effect.gen(function*() {
      const { connector } = yield* setupTogether(0)
      yield* TestClock.adjust("49 seconds")
      assert.strictEqual(connector.live, 100)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.live, 0)
    }))
})

describe("connectionTTL", { timeout: 20_000 }, () => {
  // F36
  it.scoped("has every connection replaced within one lifetime under constant load, maxConnecting at a time", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup(
        { maxConnections: 10, maxConnecting: 2, connectionTTL: "3 seconds", reapExpired: false },
        { open: () => ({ slow: "50 millis" }) }
      )
      const load = Effect.forever(pool.use(() => Effect.sleep("100 millis")))
      const borrowers = yield* Effect.forEach(Array.from({ length: 10 }), () => fork(load))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.opened, 10)
      const old = Array.from({ length: 10 }, (_, n) => connector.connection(n + 1))
      yield* TestClock.adjust("2400 millis")
      assert.deepStrictEqual(old.filter((connection) => connection.alive), [])
      assert.strictEqual(connector.peakOpening, 2)
      yield* Fiber.interruptAll(borrowers)
      yield* TestClock.adjust("1 second")
    }))

  // F42
  it.scoped("has a connection of the floor replaced before it closes", () =>
    Effect.gen(function*() {
      const { connector } = yield* setup(
        { minConnections: 2, maxConnections: 4, connectionTTL: "1 minute", ttlJitter: 0, reapSchedule: everySecond },
        { open: (attempt) => attempt <= 2 ? "ok" : { slow: "1 second" } }
      )
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(connector.log, ["open 1", "open 2"])
      yield* TestClock.adjust("1 second")
      const { log } = connector
      assert.sameMembers([...log], ["open 1", "open 2", "open 3", "open 4", "close 1", "close 2"])
      assert.isBelow(log.indexOf("open 3"), log.indexOf("close 1"))
      assert.isBelow(log.indexOf("open 4"), log.indexOf("close 2"))
    }))

  // F42
  it.scoped("has the floor replaced one by one where there is no room for others beside them", () =>
    Effect.gen(function*() {
      const { connector } = yield* setup({
        minConnections: 3,
        maxConnections: 3,
        connectionTTL: "1 minute",
        ttlJitter: 0,
        reapSchedule: everySecond
      }, { open: (attempt) => attempt <= 3 ? "ok" : { slow: "1 second" } })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(connector.live, 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.live, 2)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([connector.live, connector.closed], [3, 3])
    }))

  const lives = [
    FastCheck.integer({ min: 1, max: 3_600_000 }),
    FastCheck.constantFrom(0, 0.1, 1),
    FastCheck.array(FastCheck.integer({ min: 0, max: 2_000_000 }), { minLength: 1, maxLength: 10 })
  ] as const
  // F46
  it.scoped.prop("ends a connection's life neither after it nor before the share that ttlJitter may cut off", [
    ...lives
  ], (
    [ttl, ttlJitter, pauses]
  ) =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ connectionTTL: ttl, ttlJitter, reapExpired: false })
      let born = yield* Clock.currentTimeMillis
      let last = yield* pool.use(id)
      for (const pause of pauses) {
        yield* TestClock.adjust(pause)
        const now = yield* Clock.currentTimeMillis
        const age = now - born
        const lent = yield* pool.use(id)
        if (age >= ttl) assert.notStrictEqual(lent, last)
        if (age < ttl * (1 - ttlJitter)) assert.strictEqual(lent, last)
        if (lent !== last) born = now
        last = lent
      }
    }), { fastCheck: { numRuns: 30 }, timeout: 20_000 })
})
