import { bothSchedules, hasFailed, result, tapInput, tapStep, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import type { ScriptedConnector } from "@socketpool/testing"
import { Effect, Exit, Fiber, Schedule } from "effect"
import { forkSettled, id, settled, setup, warmUp } from "./setup.js"

const everySecond = Schedule.spaced("1 second")

describe("minConnections", () => {
  // F21
  it.scoped("are opened in the background, and nobody waits for them", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 3 }, { open: () => ({ slow: "1 second" }) })
      assert.deepStrictEqual([yield* pool.size, (yield* pool.stats).opening], [0, 3])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* pool.size, connector.attempts], [3, 3])
    }))

  it.scoped("are opened under maxConnecting", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 10, maxConnecting: 2 }, {
        open: () => ({ slow: "1 second" })
      })
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual([yield* pool.size, connector.peakOpening], [10, 2])
    }))

  it.scoped("may be all there are", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 5, maxConnections: 5 })
      yield* settled
      yield* warmUp(pool, 5)
      assert.strictEqual(connector.attempts, 5)
    }))

  it.scoped("count those that are leased", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 2 })
      yield* settled
      yield* pool.use(() => pool.use(() => settled))
      assert.strictEqual(connector.attempts, 2)
    }))

  it.scoped("are made up for at once when one that has served goes", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 2, isConnected: (connection) => connection.alive })
      yield* settled
      yield* pool.use(() => Effect.void)
      yield* Effect.scoped(Effect.map(pool.get, (connection) => connection.kill()))
      yield* settled
      assert.deepStrictEqual([yield* pool.size, connector.attempts], [2, 3])
    }))

  it.scoped.each(["idle", "leased"])(
    "are made up for at once when one that is %s is dropped",
    (where) =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ minConnections: 2 })
        yield* settled
        const connection = yield* pool.acquire
        if (where === "idle") yield* pool.release(connection)
        yield* pool.drop(connection)
        yield* settled
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.idle, stats.opened], [2, 3])
      })
  )

  // F21
  it.scoped("are made up for at once when the peer closes used connections, without a call from the user", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 3, closed: (connection) => connection.closed })
      yield* settled
      yield* warmUp(pool, 3)
      connector.connection(1).kill()
      connector.connection(2).kill()
      yield* settled
      assert.deepStrictEqual([yield* pool.size, connector.attempts], [3, 5])
    }))

  // F54
  it.scoped("come back after an outage, without a call from the user", () =>
    Effect.gen(function*() {
      let up = true
      const { connector, pool } = yield* setup({ minConnections: 3, closed: (connection) => connection.closed }, {
        open: () => up ? "ok" : "fail"
      })
      yield* settled
      up = false
      for (const n of [1, 2, 3]) connector.connection(n).kill()
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* pool.size, 0)
      up = true
      yield* TestClock.adjust("24 seconds")
      assert.strictEqual(yield* pool.size, 3)
    }))

  // F22
  it.scoped.each(
    [["fail", "10 seconds", "24 seconds"], ["never", "1 minute", "30 seconds"], [
      "die",
      "1 minute",
      "24 seconds"
    ]] as const
  )(
    "are opened at last when the server comes up late, without a call from the user; until then, opens: %s",
    ([behaviour, outage, recovery]) =>
      Effect.gen(function*() {
        let up = false
        const { pool } = yield* setup({ minConnections: 3 }, { open: () => up ? "ok" : behaviour })
        yield* TestClock.adjust(outage)
        assert.strictEqual(yield* pool.size, 0)
        up = true
        yield* TestClock.adjust(recovery)
        assert.strictEqual(yield* pool.size, 3)
      })
  )

  it.scoped("are filled when a borrower's open succeeds, without waiting for the backoff", () =>
    Effect.gen(function*() {
      let up = false
      const { pool } = yield* setup({ minConnections: 3, retry: Schedule.spaced("1 hour") }, {
        open: () => up ? "ok" : "fail"
      })
      yield* settled
      up = true
      yield* pool.use(id)
      yield* settled
      assert.strictEqual(yield* pool.size, 3)
    }))

  it.scoped("do not keep a borrower waiting for the backoff", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 1, retry: Schedule.spaced("1 hour") }, {
        open: () => "fail"
      })
      yield* settled
      const error = yield* Effect.flip(pool.use(id))
      assert.deepStrictEqual([error._tag, connector.attempts], ["ScriptedOpenError", 2])
    }))
})

describe("retry", () => {
  // F2
  it.scoped("spaces the attempts to fill minConnections", () =>
    Effect.gen(function*() {
      const { connector } = yield* setup({ minConnections: 1, retry: everySecond }, { open: () => "fail" })
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(connector.attempts, 1)
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(connector.attempts, 61)
    }))

  it.scoped("has one connection tried at a time, however many are missing", () =>
    Effect.gen(function*() {
      const { connector } = yield* setup({ minConnections: 10, maxConnecting: 4, retry: everySecond }, {
        open: () => "fail"
      })
      yield* settled
      const burst = connector.attempts
      assert.isAtMost(burst, 4)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(connector.attempts, burst + 10)
    }))

  // F2
  it.scoped("waits from 100 milliseconds to 20 seconds, jittered by 20 %, unless told otherwise", () =>
    Effect.gen(function*() {
      const { connector } = yield* setup({ minConnections: 1 }, { open: () => "fail" })
      yield* TestClock.adjust("79 millis")
      assert.strictEqual(connector.attempts, 1)
      yield* TestClock.adjust("41 millis")
      assert.strictEqual(connector.attempts, 2)
      // 100 ms, doubled seven times, make 25.5 s; from then on every 20 s.
      yield* TestClock.adjust("299 seconds")
      assert.isAtLeast(connector.attempts, 1 + 8 + Math.floor((299 - 25.5 * 1.2) / 24))
      assert.isAtMost(connector.attempts, 1 + 8 + Math.ceil((299 - 25.5 * 0.8) / 16))
    }))

  it.scoped("sees the connector's errors", () =>
    Effect.gen(function*() {
      const seen: Array<number> = []
      yield* setup({
        minConnections: 1,
        retry: tapInput(
          everySecond,
          (error: ScriptedConnector.ScriptedOpenError) => Effect.sync(() => seen.push(error.attempt))
        )
      }, { open: (attempt) => attempt <= 3 ? "fail" : "ok" })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(seen, [1, 2, 3])
    }))

  it.scoped("stops the filling when it ends, until an open succeeds", () =>
    Effect.gen(function*() {
      let up = false
      const { connector, pool } = yield* setup({
        minConnections: 2,
        maxConnecting: 1,
        retry: bothSchedules(everySecond, Schedule.recurs(3))
      }, { open: () => up ? "ok" : "fail" })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.attempts, 4)
      up = true
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.attempts, 4)
      yield* pool.use(id)
      yield* settled
      assert.strictEqual(yield* pool.size, 2)
    }))

  it.scoped("that dies stops the filling, and borrowers are served", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        minConnections: 1,
        retry: tapStep(everySecond, Effect.die("defect"))
      }, { open: (attempt) => attempt === 1 ? "fail" : "ok" })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.attempts, 1)
      yield* pool.use(id)
    }))

  it.scoped("goes on where it was, when its delays are longer than a minute", () =>
    Effect.gen(function*() {
      const { connector } = yield* setup({
        minConnections: 1,
        retry: bothSchedules(Schedule.spaced("2 minutes"), Schedule.recurs(3))
      }, { open: () => "fail" })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.attempts, 4)
    }))

  it.scoped("starts anew once a connection has served", () =>
    Effect.gen(function*() {
      let up = false
      const { connector, pool } = yield* setup({
        minConnections: 1,
        isConnected: (connection) => connection.alive,
        retry: Schedule.exponential("1 second")
      }, { open: () => up ? "ok" : "fail" })
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual(connector.attempts, 4)
      up = true
      yield* pool.use(id)
      up = false
      yield* Effect.scoped(Effect.map(pool.get, (connection) => connection.kill()))
      yield* settled
      const before = connector.attempts
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.attempts, before + 1)
    }))

  it.scoped("starts anew after a minute without a failure", () =>
    Effect.gen(function*() {
      let up = false
      const { connector, pool } = yield* setup({
        minConnections: 1,
        closed: (connection) => connection.closed,
        retry: Schedule.exponential("1 second")
      }, { open: () => up ? "ok" : "fail" })
      yield* TestClock.adjust("7 seconds")
      up = true
      yield* TestClock.adjust("8 seconds")
      assert.strictEqual(yield* pool.size, 1)
      yield* TestClock.adjust("1 minute")
      up = false
      connector.connection(1).kill()
      yield* TestClock.adjust("2 seconds")
      const before = connector.attempts
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(connector.attempts, before + 1)
    }))

  it.scoped("slows down the replacement of connections that the peer closes before they were used", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        minConnections: 2,
        closed: (connection) => Effect.sync(connection.kill)
      })
      yield* TestClock.adjust("1 minute")
      assert.isAtLeast(connector.attempts, 5)
      assert.isAtMost(connector.attempts, 25)
      assert.strictEqual((yield* pool.stats).closed.Disconnected, connector.opened)
    }))

  it.scoped("does not delay the replacement of connections that have served", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 1, isConnected: (connection) => connection.alive })
      yield* settled
      for (let n = 1; n <= 20; n++) {
        yield* pool.use(() => Effect.void)
        yield* Effect.scoped(Effect.map(pool.get, (connection) => connection.kill()))
        yield* settled
        assert.strictEqual(yield* pool.size, 1)
      }
      assert.strictEqual(connector.attempts, 21)
    }))

  it.scoped("is not consulted where there is no floor", () =>
    Effect.gen(function*() {
      let asked = 0
      const { connector, pool } = yield* setup({
        retry: tapInput(everySecond, () => Effect.sync(() => asked++))
      }, { open: () => "fail" })
      const results = yield* Effect.all(Array.from({ length: 5 }, () => result(pool.use(id))))
      yield* TestClock.adjust("1 hour")
      assert.isTrue(results.every(hasFailed))
      assert.deepStrictEqual([asked, connector.attempts], [0, 5])
    }))
})

describe("initialConnections", () => {
  it.scoped("are opened at the start, in the background", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ initialConnections: 3 }, { open: () => ({ slow: "1 second" }) })
      assert.strictEqual(yield* pool.size, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* pool.size, 3)
    }))

  it.scoped("are no floor once they are open", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ initialConnections: 3, connectionTTL: "1 minute" })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual([yield* pool.size, connector.attempts], [0, 3])
    }))

  it.scoped("leave minConnections as the floor", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ initialConnections: 3, minConnections: 1, connectionTTL: "1 minute" })
      yield* settled
      assert.strictEqual(yield* pool.size, 3)
      yield* TestClock.adjust("180 seconds")
      assert.strictEqual(yield* pool.size, 1)
    }))

  it.scoped("are tried again under the backoff until so many opens have succeeded", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ initialConnections: 3, retry: everySecond, maxConnecting: 1 }, {
        open: (attempt) => attempt <= 5 ? "fail" : "ok"
      })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual([connector.attempts, connector.opened, yield* pool.size], [8, 3, 0])
    }))

  it.scoped("serve those that borrow meanwhile", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ initialConnections: 3 }, { open: () => ({ slow: "1 second" }) })
      const borrower = yield* forkSettled(pool.use(id))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(borrower)
      assert.strictEqual(connector.attempts, 3)
    }))
})

// F51
it.scoped("a pool that is closed while it fills opens nothing more", () =>
  Effect.gen(function*() {
    const { connector, pool } = yield* setup({ minConnections: 10, maxConnecting: 2 }, {
      open: (attempt) => attempt <= 2 ? "ok" : { slow: "1 second" }
    })
    yield* settled
    yield* pool.close
    yield* TestClock.adjust("1 hour")
    assert.deepStrictEqual([connector.attempts, connector.live], [4, 0])
  }))

// F51
it.scoped("a pool that is closed at once leaves nothing open", () =>
  Effect.gen(function*() {
    const { connector, pool } = yield* setup({ minConnections: 3 })
    const exit = yield* Effect.exit(pool.close)
    assert.isTrue(Exit.isSuccess(exit))
    assert.strictEqual(connector.live, 0)
  }))
