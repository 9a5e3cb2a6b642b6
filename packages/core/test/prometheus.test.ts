import { Pool, PoolMetrics } from "@socketpool/core"
import { fork, tagMetrics, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect } from "effect"
import { forkSettled, id, setup, warmUp } from "./setup.js"

let pools = 0
/** A name that no other test has. */
const freshName = () => `prometheus-${++pools}`

const label = "[a-zA-Z_][a-zA-Z0-9_]*=\"(?:[^\"\\\\\\n]|\\\\[\\\\n\"])*\""
const sample = new RegExp(`^([a-zA-Z_:][a-zA-Z0-9_:]*\\{${label}(?:,${label})*\\}) (\\+Inf|[-+0-9.e]+)$`, "u")

/** The series by their names and labels. Fails where a strict reader would refuse the text. */
const parse = (text: string): ReadonlyMap<string, number> => {
  const found = new Map<string, number>()
  for (const line of text.trimEnd().split("\n")) {
    if (/^# (HELP|TYPE) /.test(line)) continue
    const [, series, value] = sample.exec(line) ?? []
    assert.isDefined(series, `not a sample: ${line}`)
    assert.isFalse(found.has(series!), `twice: ${line}`)
    const labels = [...series!.matchAll(/[{,]([a-zA-Z0-9_]+)="/g)].map(([, name]) => name!)
    assert.strictEqual(new Set(labels).size, labels.length, `a label twice: ${line}`)
    assert.isFalse(labels.some((name) => name.startsWith("__")), `a reserved label: ${line}`)
    found.set(series!, Number(value))
  }
  return found
}

const maxOf = (name: string) =>
  Effect.map(
    PoolMetrics.prometheus,
    (text) => [...parse(text)].filter(([series]) => series.startsWith(`db_client_connection_max{pool_name="${name}"`))
  )

describe("Prometheus' text", () => {
  const keys: ReadonlyArray<readonly [key: string, label: string]> = [
    ["", "_"],
    ["äöü", "_"],
    ["__name__", "_name__"],
    ["____", "_"],
    ["9", "_9"],
    ["9__", "_9__"],
    [" ", "_"],
    ["a-b.c", "a_b_c"],
    ["😀", "_"],
    ["pool_name", "exported_pool_name"],
    ["}\n{", "_"]
  ]

  it.scoped.each(keys)("takes a tag with the key %j as the label %s", ([key, label]) =>
    Effect.gen(function*() {
      const name = freshName()
      yield* tagMetrics({ [key]: "x" })(Pool.make({ open: Effect.void, name, maxConnections: 7 }))
      assert.deepStrictEqual(yield* maxOf(name), [
        [`db_client_connection_max{pool_name="${name}",${label}="x"}`, 7]
      ])
    }))

  it.scoped("adds up pools whose labels are the same in its alphabet, or in another order", () =>
    Effect.gen(function*() {
      const name = freshName()
      const make = Pool.make({ open: Effect.void, name, maxConnections: 7 })
      yield* make.pipe(tagMetrics({ "a-b": "1" }), tagMetrics({ c: "2" }))
      yield* make.pipe(tagMetrics({ c: "2" }), tagMetrics({ "a.b": "1" }))
      assert.deepStrictEqual((yield* maxOf(name)).map(([, value]) => value), [14])
    }))

  it.scoped("has the age of the oldest waiter, the highest of pools of one name", () =>
    Effect.gen(function*() {
      const name = freshName()
      const pools = yield* Effect.all([setup({ name, maxConnections: 1 }), setup({ name, maxConnections: 1 })])
      for (const { pool } of pools) {
        yield* forkSettled(pool.use(() => Effect.sleep("10 seconds")))
        yield* forkSettled(pool.use(id))
        yield* forkSettled(pool.use(id))
        yield* TestClock.adjust("2 seconds")
      }
      const found = parse(yield* PoolMetrics.prometheus)
      assert.strictEqual(found.get(`socketpool_pending_oldest_age_seconds{pool_name="${name}"}`), 4)
      yield* TestClock.adjust("10 seconds")
    }))
})

describe("prometheusWith", () => {
  it.scoped("renders the pools and the buckets that were chosen, with the same counts", () =>
    Effect.gen(function*() {
      const [ours, theirs] = [freshName(), freshName()]
      const { pool } = yield* setup({ name: ours })
      yield* setup({ name: theirs })
      yield* warmUp(pool, 2)
      yield* pool.use(() => Effect.sleep("20 millis"))
        .pipe(fork, Effect.tap(() => TestClock.adjust("20 millis")))
      const all = parse(yield* PoolMetrics.prometheus)
      const buckets = [0.001, 0.01, 0.1]
      const some = parse(yield* PoolMetrics.prometheusWith({ pools: (name) => name === ours, buckets }))
      assert.isAbove(some.size, 0)
      for (const [series, value] of some) assert.strictEqual(all.get(series), value, series)
      assert.isFalse([...some.keys()].some((series) => series.includes(theirs)))
      const bounds = [...some.keys()].flatMap((series) => /use_time_seconds_bucket.*le="(.*)"/.exec(series)?.[1] ?? [])
      assert.deepStrictEqual(bounds, ["0.001", "0.01", "0.1", "+Inf"])
      const ofOurs = [...all.keys()].filter((series) => series.includes(ours))
      assert.strictEqual(ofOurs.length - some.size, 3 * (17 - 3))
    }))

  it.effect("without options renders what prometheus does", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* PoolMetrics.prometheusWith({}), yield* PoolMetrics.prometheus)
    }))

  const wrong: ReadonlyArray<readonly [options: object, message: RegExp]> = [
    [{ buckets: [3] }, /buckets\[0\] must be one of 0\.00001, .*, 10, but is 3$/],
    [{ buckets: [0.1, NaN] }, /buckets\[1\] must be one of .*, but is NaN$/],
    [{ buckets: [Infinity] }, /buckets\[0\] must be one of .*, but is Infinity$/],
    [{ buckets: ["0.1"] }, /buckets\[0\] must be one of .*, but is "0\.1"$/],
    [{ buckets: [1, 0.1] }, /buckets must be ascending, but is/],
    [{ buckets: [0.1, 0.1] }, /buckets must be ascending, but is/],
    [{ buckets: null }, /buckets must be an array of seconds, but is null$/],
    [{ pools: "orders" }, /pools must be a function, but is "orders"$/],
    [{ bucket: [1] }, /bucket is not an option: did you mean buckets\?$/]
  ]

  it.each(wrong)("refuses %j and names the option, the value and the rule", (options, message) => {
    assert.throws(() => PoolMetrics.prometheusWith(options), message)
  })
})
