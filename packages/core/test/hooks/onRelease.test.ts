import { exitOf, hasDies, reasonOf, stop, TestClock, wasInterrupted } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Exit, Fiber } from "effect"
import { type Connection, forkSettled, id, lineUp, type Options, settled, setup, type TestPool } from "../setup.js"
import { isAlive, thrower } from "./setup.js"

describe("onRelease", () => {
  const answering = (answer: "keep" | "discard"): Options => ({ onRelease: () => Effect.succeed(answer) })
  const answeringAfter = (millis: number, answer: "keep" | "discard" = "keep"): Options => ({
    onRelease: () => Effect.delay(Effect.succeed(answer), millis)
  })

  const endings: ReadonlyArray<
    readonly [string, (pool: TestPool) => Effect.Effect<unknown>, (exit: Exit.Exit<unknown, unknown>) => boolean]
  > = [
    [
      "success",
      (pool) => Effect.orDie(pool.use(() => Effect.succeed("answer"))),
      (exit) => Exit.isSuccess(exit) && exit.value === "answer"
    ],
    [
      "typed failure",
      (pool) => Effect.exit(pool.use(() => Effect.fail("typed"))),
      (exit) => Exit.isFailure(exit) && reasonOf(exit.cause) === "Fail"
    ],
    [
      "defect",
      (pool) => Effect.exit(pool.use(() => Effect.die("defect"))),
      (exit) => Exit.isFailure(exit) && hasDies(exit.cause)
    ],
    [
      "interruption",
      (pool) => Effect.flatMap(forkSettled(pool.use(() => Effect.never)), Fiber.interrupt),
      wasInterrupted
    ],
    [
      "failed scope",
      (pool) => Effect.exit(Effect.scoped(Effect.andThen(pool.get, Effect.fail("typed")))),
      Exit.isFailure
    ],
    [
      "release",
      (pool) => Effect.orDie(Effect.flatMap(pool.acquire, (connection) => pool.release(connection))),
      Exit.isSuccess
    ]
  ]
  it.scoped.each(endings)("sees how the lease ended: %s", ([_, end, isRight]) =>
    Effect.gen(function*() {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const { connector, pool } = yield* setup({
        onRelease: (connection, exit) => {
          assert.strictEqual(connection.id, 1)
          exits.push(exit)
          return Effect.succeed("keep")
        }
      })
      yield* end(pool)
      yield* settled
      assert.deepStrictEqual(exits.map(isRight), [true])
      // A connection that it keeps is kept, however the lease ended.
      assert.deepStrictEqual(connector.log, ["open 1"])
    }))

  // H2: state left behind
  it.scoped("has the connection closed when it says discard", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup(answering("discard"))
      yield* pool.use(id)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Discarded], [0, 1])
    }))

  // H2: state left behind
  it.scoped("has the release return at once, and the connection lent when it has answered", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1, ...answeringAfter(1000) })
      yield* pool.use(id)
      assert.strictEqual((yield* pool.stats).inUse, 1)
      const waiter = yield* forkSettled(pool.use(id))
      yield* TestClock.adjust(999)
      assert.isUndefined(exitOf(waiter))
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(waiter), 1)
      yield* TestClock.adjust(1000)
      assert.strictEqual(connector.attempts, 1)
    }))

  // H2: state left behind
  it.scoped("has the connection closed when it says discard after a while", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup(answeringAfter(1000, "discard"))
      yield* pool.use(id)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Discarded], [0, 1])
    }))

  const deaths: ReadonlyArray<readonly [string, Options["onRelease"] & {}]> = [
    ["throws", thrower],
    ["dies", () => Effect.die("defect")],
    ["dies after a while", () => Effect.delay(Effect.die("defect"), 1000)],
    ["interrupts itself", () => Effect.interrupt]
  ]
  // H2: state left behind
  it.scoped.each(deaths)(
    "has the connection closed when it %s, and the borrower does not notice",
    ([_, onRelease]) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ onRelease })
        assert.strictEqual(yield* pool.use(() => Effect.succeed("answer")), "answer")
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Invalid], [0, 1])
      })
  )

  const hangs: ReadonlyArray<readonly [string, Effect.Effect<never>]> = [
    ["hangs", Effect.never],
    ["hangs and cannot be interrupted", Effect.uninterruptible(Effect.never)]
  ]
  // H2: state left behind
  it.scoped.each(hangs)(
    "has the connection closed after closeTimeout when it %s",
    ([_, answer]) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ closeTimeout: "2 seconds", onRelease: () => answer })
        yield* pool.use(id)
        yield* TestClock.adjust(1999)
        assert.deepStrictEqual([connector.live, (yield* pool.stats).inUse], [1, 1])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Discarded], [0, 1])
      })
  )

  it.scoped("is interrupted when the connection closes without its answer", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const { pool } = yield* setup({
        onRelease: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      })
      yield* pool.use(id)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(interrupted, 1)
    }))

  it.scoped("does not keep a connection that expired before it answered", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, connectionTTL: "1500 millis", ...answeringAfter(2000) })
      yield* pool.use(id)
      const waiter = yield* forkSettled(pool.use(id))
      yield* TestClock.adjust(2000)
      assert.strictEqual(yield* Fiber.join(waiter), 2)
      yield* TestClock.adjust(2000)
    }))

  it.scoped("does not keep a connection that went before it answered", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1, isConnected: isAlive, ...answeringAfter(1000) })
      yield* pool.use(id)
      const waiter = yield* forkSettled(pool.use(id))
      connector.connection(1).kill()
      yield* TestClock.adjust(1000)
      assert.strictEqual(yield* Fiber.join(waiter), 2)
      yield* TestClock.adjust(1000)
    }))

  it.scoped("is not waited for by close for longer than drainTimeout", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        drainTimeout: "1 second",
        closeTimeout: "1 minute",
        onRelease: () => Effect.never
      })
      yield* pool.use(id)
      const closing = yield* forkSettled(pool.close)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.strictEqual(connector.closed, 1)
    }))

  const closings: ReadonlyArray<
    readonly [string, Options, (pool: TestPool, connection: Connection) => Effect.Effect<unknown>]
  > = [
    ["was dropped", {}, (pool, connection) => Effect.orDie(pool.drop(connection))],
    ["was invalidated", {}, (pool, connection) => pool.invalidate(connection)],
    ["has gone", { isConnected: isAlive }, (_, connection) => Effect.sync(connection.kill)],
    ["has expired", { connectionTTL: "1 second" }, () => TestClock.adjust("1 second")],
    ["belongs to a closing pool", {}, (pool) => forkSettled(pool.close)]
  ]
  it.scoped.each(closings)("is not asked about a connection that %s", ([_, options, doom]) =>
    Effect.gen(function*() {
      let asked = 0
      const { connector, pool } = yield* setup({
        ...options,
        onRelease: () => {
          asked++
          return Effect.succeed("keep")
        }
      })
      yield* Effect.scoped(Effect.flatMap(pool.get, (connection) => doom(pool, connection)))
      yield* settled
      assert.deepStrictEqual([asked, connector.live], [0, 0])
    }))

  it.scoped("is not asked about a connection that a waiter was handed and did not take", () =>
    Effect.gen(function*() {
      let asked = 0
      const { pool } = yield* setup({
        maxConnections: 1,
        onRelease: () => {
          asked++
          return Effect.succeed("keep")
        }
      })
      const connection = yield* pool.acquire
      const { borrowers } = yield* lineUp(pool, ["interrupted"])
      yield* pool.release(connection)
      yield* Effect.sync(() => stop(borrowers[0]!))
      yield* Fiber.await(borrowers[0]!)
      assert.deepStrictEqual([asked, (yield* pool.stats).idle], [1, 1])
    }))
})
