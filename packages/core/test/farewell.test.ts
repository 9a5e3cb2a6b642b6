// N3: what a pool says to a connection before it closes in peace.
import { Pool } from "@socketpool/core"
import { addLogger, fork, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Fiber } from "effect"
import { forkSettled, settled } from "./setup.js"

const id = (connection: number) => Effect.succeed(connection)

/** A pool that writes down what happens to its connections. */
const diary = (options: Partial<Pool.Options<number>> = {}) =>
  Effect.gen(function*() {
    const log: Array<string> = []
    let opened = 0
    const pool = yield* Pool.make<number>({
      open: Effect.acquireRelease(
        Effect.sync(() => ++opened),
        (connection) => Effect.sync(() => log.push(`closed ${connection}`))
      ),
      farewell: (connection) => Effect.sync(() => log.push(`farewell ${connection}`)),
      maxConnections: 1,
      ...options
    })
    return { log, pool }
  })

type Diary = Effect.Effect.Success<ReturnType<typeof diary>>

describe("a farewell comes before the close", () => {
  const peaceful: ReadonlyArray<
    [string, Partial<Pool.Options<number>>, (diary: Diary) => Effect.Effect<unknown, unknown>]
  > = [
    ["of an idle connection when the pool closes", {}, ({ pool }) => pool.close],
    ["after clear", {}, ({ pool }) => pool.clear],
    ["of an expired connection", { connectionTTL: "1 minute", ttlJitter: 0 }, () => TestClock.adjust("3 minutes")],
    ["of a stale connection", { idleTimeout: "1 minute" }, () => TestClock.adjust("1 minute")],
    ["of a used-up connection", { maxUses: 2 }, ({ pool }) => pool.use(id)],
    ["after clear during a lease", {}, ({ pool }) => pool.use(() => pool.clear)],
    [
      "after a lease that failed with an error, during which the pool was cleared",
      {},
      ({ pool }) => Effect.exit(pool.use(() => Effect.andThen(pool.clear, Effect.fail("an answer"))))
    ]
  ]
  it.scoped.each(peaceful)("%s", ([, options, end]) =>
    Effect.gen(function*() {
      const now = yield* diary(options)
      yield* now.pool.use(id)
      yield* end(now)
      yield* settled
      assert.deepStrictEqual(now.log, ["farewell 1", "closed 1"])
    }))
})

describe("a connection closes without a farewell", () => {
  const broken: ReadonlyArray<
    [string, Partial<Pool.Options<number>>, (diary: Diary) => Effect.Effect<unknown, unknown>]
  > = [
    ["that was dropped", {}, ({ pool }) => pool.use((connection) => pool.drop(connection))],
    ["that was invalidated", {}, ({ pool }) => pool.use((connection) => pool.invalidate(connection))],
    ["that onRelease discards", { onRelease: () => Effect.succeed("discard") }, ({ pool }) => pool.use(id)],
    [
      "that does not answer validate",
      { validate: () => Effect.succeed(false), validateAfterIdle: 0 },
      ({ pool }) => Effect.exit(Effect.timeout(pool.use(id), 1))
    ],
    ["whose lease was interrupted", {}, ({ pool }) =>
      Effect.gen(function*() {
        const holder = yield* forkSettled(pool.use(() => Effect.never))
        yield* Fiber.interrupt(holder)
      })],
    ["whose lease was interrupted after clear", {}, ({ pool }) =>
      Effect.gen(function*() {
        const holder = yield* forkSettled(pool.use(() => Effect.never))
        yield* pool.clear
        yield* Fiber.interrupt(holder)
      })],
    [
      "whose lease died after clear",
      {},
      ({ pool }) => Effect.exit(pool.use(() => Effect.andThen(pool.clear, Effect.die("a bug"))))
    ],
    ["whose lease the end of the drain cut off", {}, ({ pool }) =>
      Effect.gen(function*() {
        yield* forkSettled(pool.use(() => Effect.never))
        yield* forkSettled(pool.close)
        yield* TestClock.adjust("10 seconds")
      })],
    ["that onRelease discards while the pool is cleared", {
      onRelease: () => Effect.as(Effect.sleep(1), "discard" as const)
    }, ({ pool }) =>
      Effect.gen(function*() {
        yield* pool.use(id)
        yield* settled
        yield* pool.clear
        yield* TestClock.adjust(1)
      })]
  ]
  it.scoped.each(broken)("%s", ([, options, end]) =>
    Effect.gen(function*() {
      const now = yield* diary(options)
      if (!("onRelease" in options)) yield* now.pool.use(id)
      yield* end(now)
      yield* settled
      assert.strictEqual(now.log[0], "closed 1")
    }))
})

describe("a farewell", () => {
  it.scoped("that takes its time is interrupted after half of closeTimeout, and its place is kept until the close", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { pool } = yield* diary({
        farewell: (connection) =>
          connection > 1 ?
            Effect.void :
            Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("interrupted"))),
        closeTimeout: "4 seconds"
      })
      yield* pool.use(id)
      yield* pool.clear
      const next = yield* fork(pool.use(id))
      yield* TestClock.adjust(1_999)
      assert.deepInclude(yield* pool.stats, { closing: 1, opening: 0, pending: 1 })
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(next), 2)
      assert.deepStrictEqual(log, ["interrupted"])
    }))

  it.scoped("that cannot be interrupted does not hold up the close", () =>
    Effect.gen(function*() {
      const { log, pool } = yield* diary({ farewell: () => Effect.uninterruptible(Effect.sleep("1 hour")) })
      yield* pool.use(id)
      yield* pool.clear
      yield* TestClock.adjust("2500 millis")
      assert.deepStrictEqual(log, ["closed 1"])
    }))

  it.scoped.each<[string, () => Effect.Effect<unknown, unknown>, ReadonlyArray<string>]>([
    ["fails", () => Effect.fail("the peer has gone"), []],
    ["dies", () => Effect.die(new Error("a bug")), [`Pool "shop": farewell died`]],
    ["throws", () => {
      throw new Error("a bug")
    }, [`Pool "shop": farewell died`]]
  ])("that %s changes nothing", ([, farewell, lines]) =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const { log, pool } = yield* Effect.provide(
        diary({ farewell, name: "shop" }),
        addLogger("warning", ({ message }) => logged.push(String(message)))
      )
      yield* pool.use(id)
      yield* pool.clear
      yield* settled
      assert.deepStrictEqual(logged, lines)
      assert.deepStrictEqual(log, ["closed 1"])
      assert.deepInclude((yield* pool.stats).closed, { Cleared: 1 })
    }))
})
