import { Pool } from "@socketpool/core"
import { type DurationInput, hasDies } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Cause, Duration, Effect } from "effect"
import { defaults } from "../src/internal/options.js"
import { audited, id, type Options, setup } from "./setup.js"

/** A wrong value, and how the error shows it. */
type Wrong = readonly [value: unknown, shown: string]

const noCount: ReadonlyArray<Wrong> = [
  [-1, "-1"],
  [0.5, "0.5"],
  [NaN, "NaN"],
  [-Infinity, "-Infinity"],
  ["5", `"5"`],
  [5n, "5n"],
  [{}, "an object"]
]
const noDuration: ReadonlyArray<Wrong> = [
  [-1, "-1"],
  [-0.5, "-0.5"],
  [-Infinity, "-Infinity"],
  [NaN, "NaN"],
  [-1n, "-1n"],
  ["-1 seconds", `"-1 seconds"`],
  ["- 1 second", `"- 1 second"`],
  [[-1, 0], "[-1, 0]"],
  [[0, -1], "[0, -1]"],
  ["soon", `"soon"`],
  ["5", `"5"`],
  ["5 parsecs", `"5 parsecs"`],
  [true, "true"],
  [{}, "an object"],
  [new Date(0), "an object"]
]
const zero: ReadonlyArray<Wrong> = [[0, "0"], [0n, "0n"], ["0 seconds", `"0 seconds"`], [Duration.zero, "Duration(0)"]]
const noFunction: ReadonlyArray<Wrong> = [[true, "true"], [Effect.void, "an object"]]
const noSchedule: ReadonlyArray<Wrong> = [["180 seconds", `"180 seconds"`], [Effect.void, "an object"]]

const wrong: ReadonlyArray<readonly [option: string, rule: string, values: ReadonlyArray<Wrong>]> = [
  ["open", "an Effect", [[undefined, "undefined"], [() => 1, "a function"], [{}, "an object"]]],
  ["maxConnections", "a whole number of at least 1", [...noCount, [0, "0"], [Infinity, "Infinity"]]],
  ["minConnections", "a whole number of at least 0", [...noCount, [Infinity, "Infinity"]]],
  ["minConnections", "at most maxConnections (200)", [[201, "201"]]],
  ["initialConnections", "a whole number of at least 0", [...noCount, [Infinity, "Infinity"]]],
  ["initialConnections", "at most maxConnections (200)", [[201, "201"]]],
  ["maxConnecting", "a whole number of at least 1", [...noCount, [0, "0"]]],
  ["maxPending", "a whole number of at least 0", noCount],
  ["acquireTimeout", "a duration of 0 or more", noDuration],
  ["connectTimeout", "a duration of more than 0", [...noDuration, ...zero]],
  ["connectionTTL", "a duration of 0 or more", noDuration],
  ["ttlJitter", "from 0 to 1", [[-0.1, "-0.1"], [1.1, "1.1"], [NaN, "NaN"], [Infinity, "Infinity"], ["0.1", `"0.1"`]]],
  ["idleTimeout", "a duration of more than 0", [...noDuration, ...zero]],
  ["maxUses", "a whole number of at least 1", [...noCount, [0, "0"]]],
  ["validateAfterIdle", "a duration of 0 or more", noDuration],
  ["validateTimeout", "a duration of more than 0", [...noDuration, ...zero]],
  ["concurrency", "a whole number of at least 1", [...noCount, [0, "0"], [Infinity, "Infinity"]]],
  ["leakThreshold", "a duration of more than 0", [...noDuration, ...zero]],
  ["closeTimeout", "a duration of 0 or more", noDuration],
  ["drainTimeout", "a duration of 0 or more", noDuration],
  ["fatalPause", "a duration of more than 0", [...noDuration, ...zero]],
  ["order", `"lifo", "fifo" or "fewest"`, [["random", `"random"`], [true, "true"]]],
  ["name", "a string that is not empty", [["", `""`], [5, "5"]]],
  ["reapExpired", "true or false", [["yes", `"yes"`], [1, "1"]]],
  ["isConnected", "a function", noFunction],
  ["isExpired", "a function", noFunction],
  ["closed", "a function", noFunction],
  ["validate", "a function", noFunction],
  ["lease", "a function", noFunction],
  ["onRelease", "a function", noFunction],
  ["farewell", "a function", noFunction],
  ["isFatal", "a function", noFunction],
  ["reapSchedule", "a Schedule", noSchedule],
  ["retry", "a Schedule", noSchedule]
]

/** The message of the defect with which an effect dies of a wrong value. */
const complaint = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.sandbox(effect).pipe(Effect.flip), (cause) => {
    const defect = Cause.squash(cause)
    assert.isTrue(hasDies(cause))
    assert.instanceOf(defect, RangeError)
    return defect.message
  })

describe("make", () => {
  it.scoped.each(wrong)(
    "dies of a wrong %s, naming the option, the value and the rule: %s",
    ([option, rule, values]) =>
      Effect.gen(function*() {
        const connector = ScriptedConnector.make()
        for (const [value, shown] of values) {
          const options = { open: connector.open, [option]: value }
          assert.include(yield* complaint(Pool.make(options)), `${option} must be ${rule}, but is ${shown}`)
        }
        assert.strictEqual(connector.attempts, 0)
      })
  )

  const right: ReadonlyArray<Options> = [
    { minConnections: 0, initialConnections: 0, maxPending: 0 },
    { maxPending: Infinity },
    { maxConnections: 1, minConnections: 1, initialConnections: 1, maxConnecting: 1 },
    { maxConnections: 1, maxConnecting: 100 },
    { acquireTimeout: 0, connectionTTL: 0, closeTimeout: 0, drainTimeout: 0 },
    { acquireTimeout: "0 seconds", connectionTTL: 0n, closeTimeout: Duration.zero, drainTimeout: [0, 0] },
    {
      acquireTimeout: Infinity,
      connectTimeout: Infinity,
      connectionTTL: Infinity,
      closeTimeout: Infinity,
      drainTimeout: Infinity
    },
    { acquireTimeout: 0.5, connectTimeout: "1 nano", connectionTTL: "2 weeks" },
    { ttlJitter: 0, validateAfterIdle: 0, maxUses: 1, concurrency: 1 },
    { ttlJitter: 1, maxUses: Infinity, concurrency: 1000 },
    { idleTimeout: Infinity, validateAfterIdle: Infinity, validateTimeout: Infinity, leakThreshold: Infinity },
    { idleTimeout: "1 nano", validateTimeout: "1 nano", leakThreshold: "1 nano" }
  ]
  it.scoped.each(right)("accepts %o", (options) =>
    Effect.gen(function*() {
      const { pool } = yield* setup(options)
      assert.strictEqual((yield* pool.stats).inUse, 0)
    }))

  it.scoped("takes an option that is undefined for one left out", () =>
    Effect.gen(function*() {
      const options = Object.fromEntries(
        [
          "maxConnections",
          "maxPending",
          "acquireTimeout",
          "order",
          "name",
          "retry",
          "onRelease",
          "ttlJitter",
          "idleTimeout",
          "maxUses",
          "validate",
          "validateAfterIdle",
          "validateTimeout",
          "concurrency",
          "leakThreshold"
        ].map((
          name
        ) => [name, undefined])
      )
      const { pool } = yield* setup(options)
      assert.strictEqual((yield* pool.stats).maxConnections, 200)
      assert.strictEqual(yield* pool.use(id), 1)
    }))

  it.scoped("names a pool as it is told", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ name: "orders" })
      assert.strictEqual(pool.name, "orders")
    }))

  it.scoped("gives pools without a name different ones", () =>
    Effect.gen(function*() {
      const first = yield* setup()
      const second = yield* setup()
      assert.match(first.pool.name, /^pool-\d+$/)
      assert.match(second.pool.name, /^pool-\d+$/)
      assert.notStrictEqual(first.pool.name, second.pool.name)
    }))

  // H4: option objects as code
  it.scoped("takes its limits from the options once: changing the object later changes nothing", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const options = { open: connector.open, maxConnections: 1 }
      const pool = yield* audited(connector, Pool.make(options))
      options.maxConnections = 100
      assert.strictEqual((yield* pool.stats).maxConnections, 1)
    }))

  it("has the defaults that are documented", () => {
    assert.deepStrictEqual(defaults, {
      maxConnections: 200,
      minConnections: 0,
      initialConnections: 0,
      maxConnecting: 4,
      maxPending: 10_000,
      acquireTimeout: "10 seconds",
      connectTimeout: "5 seconds",
      connectionTTL: "600 seconds",
      ttlJitter: 0.1,
      reapExpired: true,
      reapInterval: "180 seconds",
      closeTimeout: "5 seconds",
      fatalPause: "30 seconds",
      drainTimeout: "10 seconds",
      validateAfterIdle: "1 second",
      validateTimeout: "2 seconds",
      concurrency: 1,
      order: "lifo"
    })
  })
})

describe("acquireWith", () => {
  it.scoped("dies of a wrong timeout, naming the value and the rule", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      for (const [value, shown] of noDuration) {
        const message = yield* complaint(pool.acquireWith({ timeout: value as DurationInput }))
        assert.include(message, `timeout must be a duration of 0 or more, but is ${shown}`)
        // It was not the options of the pool that were wrong.
        assert.notInclude(message, "Pool.make")
      }
      assert.strictEqual(connector.attempts, 0)
    }))
})
