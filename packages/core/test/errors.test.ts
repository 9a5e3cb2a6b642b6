import {
  ConnectError,
  ConnectionError,
  ConnectionNotFoundError,
  type ConnectionPool,
  ConnectTimeoutError,
  Pool,
  PoolClosedError,
  PoolExhaustedError,
  PoolSchemas,
  type PoolStats
} from "@socketpool/core"
import {
  type Codec,
  decode,
  encode,
  fiberNumber,
  fork,
  type RunningFiber,
  TestClock,
  union
} from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Data, Effect, Fiber } from "effect"
import { audited, forkSettled, id, lineUp, setup } from "./setup.js"

/** The error of a borrower that waited until its time was up. */
const timeOut = <C, E>(pool: ConnectionPool<C, E>) =>
  Effect.gen(function*() {
    const borrower = yield* forkSettled(Effect.flip(pool.acquireWith({ timeout: "3 seconds" })))
    yield* TestClock.adjust("3 seconds")
    const error = yield* Fiber.join(borrower)
    assert.instanceOf(error, PoolExhaustedError)
    return error
  })

/** The error of a borrower that does not wait, after an open has failed with this. */
const afterFailure = (failure: unknown) =>
  Effect.gen(function*() {
    const pool = yield* audited(ScriptedConnector.make(), Pool.make({ open: Effect.fail(failure), maxConnections: 1 }))
    yield* Effect.exit(pool.acquire)
    const error = yield* Effect.flip(pool.acquireWith({ timeout: 0 }))
    assert.instanceOf(error, PoolExhaustedError)
    return error
  })

const stats: PoolStats = {
  ageMillis: 0,
  maxConnections: 4,
  minConnections: 1,
  opening: 1,
  idle: 0,
  inUse: 2,
  validating: 0,
  closing: 1,
  leased: 2,
  pending: 7,
  reconnecting: 0,
  oldestWaitMillis: 0,
  opened: 10,
  openFailed: 3,
  closed: {
    Expired: 1,
    Stale: 0,
    MaxUses: 0,
    Invalid: 1,
    Disconnected: 1,
    Discarded: 2,
    Desync: 0,
    Dropped: 1,
    Cleared: 0,
    Surplus: 0,
    Reclaimed: 0,
    PoolClosed: 1
  },
  acquired: 100,
  waited: 50,
  exhausted: 5,
  timedOut: 4,
  failed: { Timeout: 4, QueueFull: 0, NoWait: 0, SelfDeadlock: 0, Shed: 0, OpenFailed: 0, PoolClosed: 0 },
  cancelled: 1,
  leaksSuspected: 0,
  waitTime: { count: 100, totalMillis: 50, maxMillis: 3, p50Millis: 0, p95Millis: 1, p99Millis: 2 },
  useTime: { count: 98, totalMillis: 980, maxMillis: 30, p50Millis: 10, p95Millis: 20, p99Millis: 25 },
  openTime: { count: 10, totalMillis: 100, maxMillis: 20, p50Millis: 10, p95Millis: 18, p99Millis: 20 }
}

describe("PoolExhaustedError", () => {
  // F60
  it.scoped("says which pool had nothing within what time, how it stood, and what to try", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ name: "orders", maxConnections: 2 })
      const error = yield* pool.use(() => pool.use(() => timeOut(pool)))
      assert.strictEqual(error.pool, "orders")
      assert.strictEqual(error.reason, "Timeout")
      assert.strictEqual(error.waitedMillis, 3000)
      assert.deepStrictEqual([error.stats.inUse, error.stats.maxConnections, error.stats.exhausted], [2, 2, 1])
      assert.include(error.message, `Pool "orders": no connection within 3000 ms`)
      assert.include(error.message, "2 in use, 0 idle, 0 opening, 0 closing of at most 2; 0 waiting")
      assert.include(error.message, "raise maxConnections")
    }))

  // F60
  it.scoped("names who has held connections for longest, longest first, and at most three", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 5 })
      const holders: Array<RunningFiber<unknown, unknown>> = []
      for (const name of ["first", "second", "third", "fourth", "fifth"]) {
        holders.push(yield* fork(Effect.withSpan(pool.use(() => Effect.never), name)))
        yield* TestClock.adjust("1 second")
      }
      const error = yield* timeOut(pool)
      assert.deepStrictEqual(
        error.longestHolders,
        ["first", "second", "third"].map((span, i) => ({
          fiber: `#${fiberNumber(holders[i]!)}`,
          span,
          heldMillis: 8000 - 1000 * i
        }))
      )
      assert.include(error.message, `fiber #${fiberNumber(holders[0]!)} in span "first" for 8000 ms`)
      yield* Fiber.interruptAll(holders)
    }))

  it.scoped("names holders without a span by their fiber", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const error = yield* pool.use(() => timeOut(pool))
      assert.deepStrictEqual(error.longestHolders.map((holder) => Object.keys(holder)), [["fiber", "heldMillis"]])
      assert.include(error.message, `longest held by fiber ${error.longestHolders[0]!.fiber} for 3000 ms`)
    }))

  // F60
  it.scoped("carries the error with which opening failed last", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 }, { open: () => "fail" })
      yield* Effect.flip(pool.use(id))
      const error = yield* Effect.flip(pool.acquireWith({ timeout: 0 }))
      assert.instanceOf(error, PoolExhaustedError)
      assert.instanceOf(error.lastConnectError, ScriptedConnector.ScriptedOpenError)
      assert.include(error.message, "ScriptedOpenError: scripted failure of attempt 1")
    }))

  it.scoped("tells of an open that hung and one that died", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ connectTimeout: "1 second" }, {
        open: (attempt) => attempt === 1 ? "never" : "die"
      })
      const hung = yield* forkSettled(Effect.exit(pool.use(id)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(hung)
      assert.include((yield* Effect.flip(pool.acquireWith({ timeout: 0 }))).message, "1000 ms")
      yield* Effect.exit(pool.use(id))
      assert.include((yield* Effect.flip(pool.acquireWith({ timeout: 0 }))).message, "scripted defect")
    }))

  it.scoped("does not carry an error of opening once opening has succeeded", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 }, { open: (attempt) => attempt === 1 ? "fail" : "ok" })
      yield* Effect.flip(pool.use(id))
      const error = yield* pool.use(() => Effect.flip(pool.acquireWith({ timeout: 0 })))
      assert.instanceOf(error, PoolExhaustedError)
      assert.isFalse("lastConnectError" in error)
      assert.notInclude(error.message, "open failed")
    }))

  it.scoped("of a borrower that found the queue full says how many wait", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, maxPending: 2 })
      const connection = yield* pool.acquire
      const { borrowers } = yield* lineUp(pool, ["a", "b"])
      const error = yield* Effect.flip(pool.acquire)
      assert.include(error.message, "the queue is full: 2 borrowers wait already")
      assert.include(error.message, "raise maxPending")
      yield* pool.release(connection)
      yield* Fiber.joinAll(borrowers)
    }))

  it.scoped("of a borrower that does not wait says so", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const error = yield* pool.use(() => Effect.flip(pool.acquireWith({ timeout: 0 })))
      assert.include(error.message, "no idle connection, and the caller does not wait")
    }))

  class Wordless extends Data.TaggedError("Wordless")<{ readonly code: number }> {}
  const circular: Record<string, unknown> = { _tag: "Circular" }
  circular["self"] = circular
  const failures: ReadonlyArray<readonly [string, unknown, string]> = [
    ["an Error", new Error("boom"), "boom"],
    ["a tagged error without a message", new Wordless({ code: 5 }), "Wordless"],
    ["a string", "boom", "boom"],
    ["undefined", undefined, "undefined"],
    ["null", null, "null"],
    ["a plain object", { code: "E_BOOM" }, "E_BOOM"],
    ["an object that holds itself", circular, "Circular"],
    ["an object with a bigint", { _tag: "Big", code: 5n }, "Big"]
  ]
  it.scoped.each(failures)(
    "has a message whatever opening failed with: %s",
    ([_, failure, word]) =>
      Effect.gen(function*() {
        const error = yield* afterFailure(failure)
        assert.include(error.message, word)
      })
  )
})

describe("every other error says what happened, to which pool, and what to try", () => {
  const messages: ReadonlyArray<readonly [string, Error, ReadonlyArray<string>]> = [
    ["ConnectTimeoutError", new ConnectTimeoutError({ pool: "orders", timeoutMillis: 5000 }), [
      `"orders"`,
      "5000 ms",
      "connectTimeout"
    ]],
    ["PoolClosedError", new PoolClosedError({ pool: "orders" }), [`"orders"`, "closed", "scope open"]],
    ["ConnectionNotFoundError (release)", new ConnectionNotFoundError({ pool: "orders", operation: "release" }), [
      `"orders"`,
      "cannot release",
      "once"
    ]],
    ["ConnectionNotFoundError (drop)", new ConnectionNotFoundError({ pool: "orders", operation: "drop" }), [
      `"orders"`,
      "cannot drop",
      "once"
    ]],
    [
      "ConnectError",
      new ConnectError({
        reason: "Refused",
        address: "db:5432",
        code: "ECONNREFUSED",
        attempts: [{ address: "10.0.0.1:5432", code: "ECONNREFUSED" }, { address: "10.0.0.2:5432" }]
      }),
      ["db:5432", "Refused", "ECONNREFUSED", "10.0.0.1:5432", "10.0.0.2:5432", "Is the server running"]
    ],
    [
      "ConnectionError",
      new ConnectionError({
        reason: "EndOfStream",
        operation: "read",
        address: "db:5432",
        code: "ECONNRESET",
        bytesIntoFrame: 5
      }),
      ["db:5432", "Cannot read", "EndOfStream", "ECONNRESET", "5 bytes into the frame", "the peer has ended"]
    ],
    [
      "ConnectError of the system's own timeout",
      new ConnectError({ reason: "Timeout", address: "db:5432", code: "ETIMEDOUT", attempts: [] }),
      ["Timeout (ETIMEDOUT). The system's own timeout has passed."]
    ],
    [
      "ConnectionError of the system's own timeout",
      new ConnectionError({ reason: "Timeout", operation: "write", address: "db:5432", code: "ETIMEDOUT" }),
      ["Timeout (ETIMEDOUT): the system has had no answer from the peer."]
    ]
  ]
  it.effect.each(messages)("%s", ([_, error, words]) =>
    Effect.sync(() => {
      for (const word of words) assert.include(error.message, word)
    }))
})

describe("an error that crosses a wire", () => {
  const throughJson = <A, I>(schema: Codec<A, I>, error: A) =>
    Effect.gen(function*() {
      const wire = JSON.stringify(yield* encode(schema, error))
      return yield* decode(schema, JSON.parse(wire))
    })
  const Any = union(
    PoolSchemas.PoolExhaustedError,
    PoolSchemas.ConnectionNotFoundError,
    PoolSchemas.ConnectTimeoutError,
    PoolSchemas.PoolClosedError,
    PoolSchemas.ConnectError,
    PoolSchemas.ConnectionError
  )

  const errors: ReadonlyArray<readonly [string, typeof Any.Type]> = [
    [
      "PoolExhaustedError",
      new PoolExhaustedError({
        pool: "orders",
        reason: "NoWait",
        waitedMillis: 0,
        heldByCaller: 0,
        stats,
        longestHolders: []
      })
    ],
    [
      "PoolExhaustedError with holders",
      new PoolExhaustedError({
        pool: "orders",
        reason: "Timeout",
        waitedMillis: 10_000,
        heldByCaller: 1,
        stats,
        longestHolders: [{ fiber: "#1", span: "request", heldMillis: 5 }, { fiber: "#2", heldMillis: 4 }]
      })
    ],
    ["ConnectionNotFoundError", new ConnectionNotFoundError({ pool: "orders", operation: "release" })],
    ["ConnectTimeoutError", new ConnectTimeoutError({ pool: "orders", timeoutMillis: 5000 })],
    ["PoolClosedError", new PoolClosedError({ pool: "orders" })],
    ["ConnectError", new ConnectError({ reason: "Dns", address: "db:5432", attempts: [] })],
    [
      "ConnectError with attempts",
      new ConnectError({
        reason: "Refused",
        address: "db:5432",
        code: "ECONNREFUSED",
        attempts: [{ address: "10.0.0.1:5432" }, { address: "10.0.0.2:5432", code: "ECONNREFUSED" }]
      })
    ],
    ["ConnectionError", new ConnectionError({ reason: "Reset", operation: "write", address: "db:5432" })],
    [
      "ConnectionError within a frame",
      new ConnectionError({
        reason: "Reset",
        operation: "read",
        address: "db:5432",
        code: "ECONNRESET",
        bytesIntoFrame: 9
      })
    ]
  ]
  it.effect.each(errors)("arrives as it was sent: %s", ([_, sent]) =>
    Effect.gen(function*() {
      const arrived = yield* throughJson(Any, sent)
      assert.strictEqual(arrived.constructor, sent.constructor)
      assert.deepStrictEqual({ ...arrived }, { ...sent })
      assert.strictEqual(arrived.message, sent.message)
    }))

  it.scoped("brings along why opening failed", () =>
    Effect.gen(function*() {
      const sent = yield* afterFailure(new ScriptedConnector.ScriptedOpenError({ attempt: 3 }))
      const arrived = yield* throughJson(PoolSchemas.PoolExhaustedError, sent)
      assert.deepStrictEqual(arrived.stats, sent.stats)
      assert.strictEqual(arrived.message, sent.message)
    }))

  it.scoped("that a pool has made arrives as it was sent", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const sent = yield* pool.use(() => timeOut(pool))
      const arrived = yield* throughJson(PoolSchemas.PoolExhaustedError, sent)
      assert.deepStrictEqual({ ...arrived }, { ...sent })
    }))
})

describe("the connector's own errors", () => {
  it.scoped("reach the borrower untouched", () =>
    Effect.gen(function*() {
      const own = { _tag: "Own" } as const
      const pool = yield* audited(ScriptedConnector.make(), Pool.make({ open: Effect.fail(own) }))
      assert.strictEqual(yield* Effect.flip(pool.use(() => Effect.void)), own)
      assert.strictEqual(yield* Effect.flip(Effect.scoped(pool.get)), own)
      assert.strictEqual(yield* Effect.flip(pool.acquire), own)
    }))
})
