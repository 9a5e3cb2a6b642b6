import { ConnectTimeoutError } from "@socketpool/core"
import { exitOf, fork, hasFailed, type Result, result, type RunningFiber, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Exit, Fiber, Schedule } from "effect"
import { isAlive } from "./hooks/setup.js"
import { forkSettled, id, type Options, settled, setup, warmUp } from "./setup.js"

const answering = (answer: Effect.Effect<boolean, unknown>): Options => ({
  validate: () => answer,
  validateTimeout: "2 seconds"
})

describe("after the server has restarted", () => {
  const notices: ReadonlyArray<readonly [string, Options]> = [
    ["isConnected", { isConnected: isAlive }],
    ["closed", { closed: (connection) => connection.closed }],
    ["validate", { validate: (connection) => Effect.succeed(connection.alive), validateAfterIdle: 0 }]
  ]
  // F27
  it.scoped.each(notices)(
    "nobody is lent a connection from before, nor meets an error: %s",
    ([_, options]) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ maxConnections: 5, ...options })
        yield* warmUp(pool, 5)
        for (let n = 1; n <= 5; n++) connector.connection(n).kill()
        yield* settled
        const met = yield* Effect.all(
          Array.from({ length: 10 }, () => pool.use((connection) => Effect.succeed(connection.alive))),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(met, Array.from({ length: 10 }, () => true))
      })
  )

  // F30
  it.scoped("its idle connections are gone before anybody borrows", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ closed: (connection) => connection.closed })
      yield* warmUp(pool, 3)
      for (let n = 1; n <= 3; n++) connector.connection(n).kill()
      yield* settled
      const { closed, idle } = yield* pool.stats
      assert.deepStrictEqual([idle, closed.Disconnected], [0, 3])
    }))
})

describe("awaitReady", () => {
  // F21
  it.scoped("completes when minConnections are open, and not before", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 3, maxConnecting: 1 }, {
        open: () => ({ slow: "1 second" })
      })
      const ready = yield* forkSettled(pool.awaitReady)
      yield* TestClock.adjust(2999)
      assert.isUndefined(exitOf(ready))
      yield* TestClock.adjust(1)
      yield* Fiber.join(ready)
      assert.strictEqual(connector.live, 3)
    }))

  // F22
  it.scoped("fails while the server is down, and retried sits the outage out", () =>
    Effect.gen(function*() {
      let up = false
      const { pool } = yield* setup({ minConnections: 3 }, { open: () => up ? "ok" : "fail" })
      assert.strictEqual((yield* Effect.flip(pool.awaitReady))._tag, "ScriptedOpenError")
      const ready = yield* forkSettled(Effect.retry(pool.awaitReady, Schedule.spaced("1 second")))
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(exitOf(ready))
      up = true
      yield* TestClock.adjust("25 seconds")
      yield* Fiber.join(ready)
      assert.strictEqual(yield* pool.size, 3)
    }))

  // F5, F22
  it.scoped("fails with ConnectTimeoutError when opens hang", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 1, connectTimeout: "1 second" }, { open: () => "never" })
      const ready = yield* forkSettled(Effect.flip(pool.awaitReady))
      yield* TestClock.adjust("1 second")
      assert.instanceOf(yield* Fiber.join(ready), ConnectTimeoutError)
    }))
})

describe("validate", () => {
  const answers: ReadonlyArray<readonly [string, Effect.Effect<boolean, unknown>]> = [
    ["answers false", Effect.succeed(false)],
    ["fails", Effect.fail("failed")],
    ["dies", Effect.die("defect")],
    [
      "throws",
      Effect.sync((): boolean => {
        throw new Error("thrown")
      })
    ],
    ["interrupts itself", Effect.interrupt],
    ["hangs", Effect.never],
    ["hangs and cannot be interrupted", Effect.uninterruptible(Effect.never)]
  ]
  // F23
  it.scoped.each(answers)(
    "that %s closes its connection, and the borrower is served by another",
    ([_, answer]) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ maxConnections: 1, validateAfterIdle: 0, ...answering(answer) })
        yield* pool.use(id)
        const borrower = yield* forkSettled(pool.use(id))
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(yield* Fiber.join(borrower), 2)
        const { closed, idle } = yield* pool.stats
        assert.deepStrictEqual([idle, closed.Invalid, connector.live], [1, 1, 1])
      })
  )

  // F23
  it.scoped("that throws before it gives an answer closes its connection too", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({
        validateAfterIdle: 0,
        validate: () => {
          throw new Error("thrown")
        }
      })
      yield* pool.use(id)
      assert.strictEqual(yield* pool.use(id), 2)
    }))

  // F28
  it.scoped("that hangs costs an outage one validateTimeout, however many connections it struck", () =>
    Effect.gen(function*() {
      let down = false
      const { pool } = yield* setup({
        maxConnections: 10,
        maxConnecting: 10,
        validate: () => down ? Effect.never : Effect.succeed(true)
      })
      yield* warmUp(pool, 10)
      yield* TestClock.adjust("1 second")
      down = true
      const borrower = yield* forkSettled(pool.use(id))
      yield* TestClock.adjust(1999)
      assert.isUndefined(exitOf(borrower))
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(borrower), 11)
      // None of the others is left to cost another.
      const { closed, idle } = yield* pool.stats
      assert.deepStrictEqual([idle, closed.Invalid], [1, 10])
    }))

  // F28
  it.scoped("is asked about leased ones as old as one that failed when they come back, however short they were idle", () =>
    Effect.gen(function*() {
      const asked: Array<number> = []
      const { pool } = yield* setup({
        validate: (connection) => {
          asked.push(connection.id)
          return Effect.succeed(connection.alive)
        }
      })
      const leased = yield* Effect.all([pool.acquire, pool.acquire, pool.acquire])
      yield* pool.release(leased[0])
      leased[0].kill()
      leased[1].kill()
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* pool.use(id), 4)
      assert.deepStrictEqual(asked, [1])
      yield* pool.release(leased[1])
      yield* pool.release(leased[2])
      yield* settled
      assert.deepStrictEqual(asked, [1, 2, 3])
      const { closed, idle } = yield* pool.stats
      assert.deepStrictEqual([idle, closed.Invalid], [2, 2])
    }))

  // F29
  it.scoped("finds a peer that has gone without a word, when its connection has been idle for a while", () =>
    Effect.gen(function*() {
      // A connection to nowhere: nothing tells that it is dead but that no answer comes.
      const { connector, pool } = yield* setup({
        validate: (connection) => connection.alive ? Effect.succeed(true) : Effect.never
      })
      yield* pool.use(id)
      connector.connection(1).kill()
      yield* TestClock.adjust("1 minute")
      const borrower = yield* forkSettled(pool.use(id))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(borrower), 2)
    }))

  // F29
  it.scoped("serves a borrower within its own deadline, whatever validateTimeout is", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({
        maxConnections: 1,
        acquireTimeout: "1 second",
        validateAfterIdle: 0,
        ...answering(Effect.never)
      })
      yield* pool.use(id)
      const borrower = yield* forkSettled(Effect.flip(pool.use(id)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(borrower))._tag, "PoolExhaustedError")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* pool.stats).closed.Invalid, 1)
    }))

  // F64
  it.scoped("that answers at once delays nobody: no time passes, and no timer is waited for", () =>
    Effect.gen(function*() {
      let asked = 0
      const { connector, pool } = yield* setup({
        maxConnections: 1,
        validateAfterIdle: 0,
        validate: () => Effect.sync(() => ++asked > 0)
      })
      yield* pool.use(id)
      for (let n = 0; n < 100; n++) yield* pool.use(id)
      assert.deepStrictEqual([asked, connector.attempts], [100, 1])
      assert.strictEqual((yield* pool.stats).waitTime.maxMillis, 0)
    }))
})

describe("while opens fail", () => {
  // F2
  it.scoped("there are no more of them than borrowers and what the backoff allows", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        minConnections: 5,
        maxConnecting: 1,
        retry: Schedule.spaced("1 minute")
      }, {
        open: () => "fail"
      })
      yield* settled
      const borrowers = yield* forkSettled(
        Effect.all(Array.from({ length: 50 }, () => result(pool.use(id))), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("5 seconds")
      const results = yield* Fiber.join(borrowers)
      assert.isTrue(results.every(hasFailed))
      yield* TestClock.adjust("1 hour")
      assert.isAtMost(connector.attempts, 1 + 50 + 60)
    }))

  // F1
  it.scoped("whoever comes ten milliseconds after another ends as he does", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 }, {
        open: (attempt) => attempt <= 3 ? "fail" : { slow: "100 millis" }
      })
      const borrowers: Array<RunningFiber<Result<number, unknown>>> = []
      for (let n = 0; n < 10; n++) {
        borrowers.push(yield* fork(result(pool.use(id))))
        yield* TestClock.adjust("10 millis")
      }
      yield* TestClock.adjust("100 millis")
      assert.isTrue(borrowers.every((borrower) => exitOf(borrower) !== undefined))
      const results = yield* Fiber.joinAll(borrowers)
      assert.strictEqual(results.filter(hasFailed).length, 3)
    }))
})

// F52
it.scoped("a pool closes although the connections were closed before by those who used them", () =>
  Effect.gen(function*() {
    const { connector, pool } = yield* setup({ isConnected: isAlive })
    yield* warmUp(pool, 2)
    connector.connection(1).kill()
    const held = yield* pool.acquire
    held.kill()
    const closing = yield* forkSettled(pool.close)
    yield* pool.release(held)
    yield* Fiber.join(closing)
    assert.deepStrictEqual([connector.live, connector.closed], [0, 2])
    assert.isTrue(Exit.isSuccess(yield* Effect.exit(pool.close)))
  }))
