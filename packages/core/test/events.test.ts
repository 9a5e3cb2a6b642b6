import { Pool, PoolSchemas } from "@socketpool/core"
import { decode, encode, exitOf, fiberNumber, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Fiber } from "effect"
import { listen, tags } from "./events.js"
import { audited, forkSettled, id, type Options, type Script, settled, setup, warmUp } from "./setup.js"

/** A pool named "orders" to whose events somebody has subscribed before anything happened. */
const setupHeard = (options: Options = {}, script: Script = {}) =>
  Effect.flatMap(
    setup({ name: "orders", ...options }, script),
    (made) => Effect.map(listen(made.pool), (heard) => ({ ...made, ...heard }))
  )

describe("events", () => {
  it.scoped("tell the life of a connection, who used it and for how long", () =>
    Effect.gen(function*() {
      const { events, pool } = yield* setupHeard({}, { open: () => ({ slow: "200 millis" }) })
      const holder = yield* forkSettled(
        Effect.withSpan(pool.use((c) => Effect.andThen(Effect.sleep("3 seconds"), pool.drop(c))), "checkout")
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(holder)
      const fiber = `#${fiberNumber(holder)}`
      const common = { pool: "orders", connectionId: 1 }
      assert.deepStrictEqual(events, [
        { _tag: "Opened", ...common, at: 200, tookMillis: 200 },
        { _tag: "Borrowed", ...common, at: 200, holder: { fiber, span: "checkout", heldMillis: 0 }, waitedMillis: 200 },
        { _tag: "Released", ...common, at: 3200, holder: { fiber, span: "checkout", heldMillis: 3000 } },
        { _tag: "Closed", ...common, at: 3200, reason: "Dropped" }
      ])
    }))

  it.scoped("tell of leases by use, get and acquire alike, whichever way they end", () =>
    Effect.gen(function*() {
      const { events, pool } = yield* setupHeard()
      yield* pool.use(id)
      yield* Effect.scoped(pool.get)
      yield* Effect.flatMap(pool.acquire, (connection) => pool.release(connection))
      yield* Effect.exit(pool.use(() => Effect.die("defect")))
      yield* settled
      const lease = ["Borrowed", "Released"] as const
      assert.deepStrictEqual(tags(events), ["Opened", ...lease, ...lease, ...lease, ...lease, "Closed"])
    }))

  it.scoped("tell nothing of a lease that its borrower did not take up", () =>
    Effect.gen(function*() {
      const { events, pool } = yield* setupHeard({ maxConnections: 1 })
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(pool.acquire)
      yield* pool.release(connection)
      // It has been handed to the waiter, who does not know yet.
      yield* pool.drop(connection)
      const other = yield* Fiber.join(waiter)
      yield* settled
      assert.deepStrictEqual(tags(events), ["Opened", "Borrowed", "Released", "Closed", "Opened", "Borrowed"])
      yield* pool.release(other)
    }))

  it.scoped("tell of an open that failed, died or hung, by the name and the message of its error", () =>
    Effect.gen(function*() {
      const { events, pool } = yield* setupHeard({}, {
        open: (attempt) => (["fail", "die", "never"] as const)[attempt - 1] ?? "ok"
      })
      for (let i = 0; i < 3; i++) {
        const borrower = yield* forkSettled(Effect.exit(pool.use(id)))
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(borrower)
      }
      assert.deepStrictEqual(events, [
        {
          _tag: "OpenFailed",
          pool: "orders",
          at: 0,
          connectionId: 1,
          error: "ScriptedOpenError: scripted failure of attempt 1"
        },
        { _tag: "OpenFailed", pool: "orders", at: 5000, connectionId: 2, error: "Error: scripted defect" },
        {
          _tag: "OpenFailed",
          pool: "orders",
          at: 15_000,
          connectionId: 3,
          error: "Error: opening took longer than 5000 ms"
        }
      ])
    }))

  it.scoped("tell of borrowers that found the pool exhausted, and why", () =>
    Effect.gen(function*() {
      const { events, pool } = yield* setupHeard({ maxConnections: 1, maxPending: 1 })
      yield* pool.use(() => Effect.flip(pool.use(id)))
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(Effect.flip(pool.use(id)))
      yield* Effect.flip(pool.use(id))
      yield* Effect.flip(pool.acquireWith({ timeout: 0 }))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(waiter)
      yield* pool.release(connection)
      yield* settled
      const common = { _tag: "Exhausted", pool: "orders" }
      assert.deepStrictEqual(events.filter((event) => event._tag === "Exhausted") as ReadonlyArray<unknown>, [
        { ...common, at: 0, reason: "SelfDeadlock", waitedMillis: 0 },
        { ...common, at: 0, reason: "QueueFull", waitedMillis: 0 },
        { ...common, at: 0, reason: "NoWait", waitedMillis: 0 },
        { ...common, at: 10_000, reason: "Timeout", waitedMillis: 10_000 }
      ])
    }))

  it.scoped("tell of clear and resize", () =>
    Effect.gen(function*() {
      const { events, pool } = yield* setupHeard()
      yield* warmUp(pool, 1)
      yield* pool.clear
      yield* pool.resize({ min: 0, max: 7 })
      yield* settled
      assert.sameDeepMembers(events.slice(3) as Array<unknown>, [
        { _tag: "Cleared", pool: "orders", at: 0 },
        { _tag: "Closed", pool: "orders", at: 0, connectionId: 1, reason: "Cleared" },
        { _tag: "Resized", pool: "orders", at: 0, minConnections: 0, maxConnections: 7 }
      ])
    }))

  it.scoped("tell of reconnect that one hold ends and another begins", () =>
    Effect.gen(function*() {
      const { events, pool } = yield* setupHeard({ maxConnections: 1 })
      const fresh = yield* pool.reconnect(yield* pool.acquire)
      yield* pool.release(fresh)
      yield* settled
      assert.deepStrictEqual(tags(events), [
        "Opened",
        "Borrowed",
        "Released",
        "Closed",
        "Opened",
        "Borrowed",
        "Released"
      ])
      assert.deepStrictEqual(events.map((event) => "connectionId" in event && event.connectionId), [
        1,
        1,
        1,
        1,
        2,
        2,
        2
      ])
    }))

  it.scoped("tell that the pool begins to close and that it has closed, and end with that", () =>
    Effect.gen(function*() {
      const { events, listener, pool } = yield* setupHeard()
      const connection = yield* pool.acquire
      const closing = yield* forkSettled(pool.close)
      assert.deepStrictEqual(tags(events), ["Opened", "Borrowed", "Draining"])
      assert.isUndefined(exitOf(listener))
      yield* pool.release(connection)
      yield* Fiber.join(closing)
      yield* Fiber.join(listener)
      assert.deepStrictEqual(tags(events).slice(2), ["Draining", "Released", "Closed", "PoolClosed"])
    }))

  it.scoped("of a pool that opened nothing end too", () =>
    Effect.gen(function*() {
      const { events, listener, pool } = yield* setupHeard()
      yield* pool.close
      yield* Fiber.join(listener)
      assert.deepStrictEqual(tags(events), ["Draining", "PoolClosed"])
    }))

  it.scoped("tell once of a close that is called twice", () =>
    Effect.gen(function*() {
      const { events, listener, pool } = yield* setupHeard()
      const connection = yield* pool.acquire
      const closing = yield* forkSettled(Effect.all([pool.close, pool.close], { concurrency: "unbounded" }))
      yield* pool.release(connection)
      yield* Fiber.join(closing)
      yield* pool.close
      yield* Fiber.join(listener)
      assert.deepStrictEqual(tags(events).slice(2), ["Draining", "Released", "Closed", "PoolClosed"])
    }))

  it.scoped("can be sent as JSON, and hold nothing but plain values", () =>
    Effect.gen(function*() {
      const secret = "hunter2"
      const error = Object.assign(new Error("refused"), { password: secret })
      const connector = ScriptedConnector.make()
      const open = Effect.andThen(
        Effect.suspend(() => connector.attempts === 2 ? Effect.fail(error) : Effect.void),
        Effect.map(connector.open, (connection) => Object.assign(connection, { secret }))
      )
      const pool = yield* audited(
        connector,
        Pool.make({ open, maxConnections: 1, leakThreshold: "1 second", ttlJitter: 0 })
      )
      const { events, listener } = yield* listen(pool)
      const connection = yield* pool.acquire
      yield* TestClock.adjust("1 second")
      yield* Effect.flip(pool.acquireWith({ timeout: 0 }))
      yield* pool.release(connection)
      yield* pool.resize({ max: 2 })
      yield* pool.clear
      yield* pool.use((c) => pool.drop(c))
      yield* Effect.exit(pool.use(id))
      yield* pool.close
      yield* Fiber.join(listener)
      for (const event of events) {
        const wire = JSON.stringify(yield* encode(PoolSchemas.PoolEvent, event))
        assert.deepStrictEqual(yield* decode(PoolSchemas.PoolEvent, JSON.parse(wire)), event)
        assert.notInclude(wire, secret)
      }
      assert.isAtLeast(new Set(tags(events)).size, 10)
    }))
})
