import { assert, describe, it } from "@effect/vitest"
import { fit, formatCount, formatMillis, plural, table, wrap } from "../src/demo/text.js"

describe("numbers", () => {
  it("have their thousands marked", () => {
    assert.deepStrictEqual([0, 999, 1234567].map(formatCount), ["0", "999", "1,234,567"])
  })

  it("agree with their nouns", () => {
    assert.deepStrictEqual([0, 1, 2, 1000].map((n) => plural(n, "fiber")), [
      "0 fibers",
      "1 fiber",
      "2 fibers",
      "1,000 fibers"
    ])
  })

  it("take at most four characters as milliseconds", () => {
    assert.deepStrictEqual([0, 0.014, 9.994, 9.996, 99.6, 9999].map(formatMillis), [
      "0.00",
      "0.01",
      "9.99",
      "10",
      "100",
      "9999"
    ])
    assert.strictEqual(formatMillis(undefined), "-")
  })
})

describe("wrap", () => {
  it("breaks at spaces and loses nothing", () => {
    const text = "no connection within 250 ms, so try again later"
    const lines = wrap(text, 16)
    assert.deepStrictEqual(lines, ["no connection", "within 250 ms,", "so try again", "later"])
    assert.strictEqual(lines.join(" "), text)
  })

  it("leaves a word whole that is longer than a line", () => {
    assert.deepStrictEqual(wrap("see PoolExhaustedError there", 10), ["see", "PoolExhaustedError", "there"])
  })
})

describe("fit", () => {
  const parts = [{ text: "first", rank: 1 }, { text: "second", rank: 3 }, { text: "third", rank: 2 }]

  it("keeps all parts when there is room", () => {
    assert.strictEqual(fit(parts, 20), "first  second  third")
  })

  it("leaves out the part of the lowest rank, in whatever place", () => {
    assert.strictEqual(fit(parts, 19), "second  third")
    assert.strictEqual(fit(parts, 12), "second")
  })

  it("cuts the last part rather than be too long", () => {
    assert.strictEqual(fit(parts, 3), "sec")
    assert.strictEqual(fit([], 3), "")
  })
})

describe("table", () => {
  it("puts the values in one column", () => {
    assert.deepStrictEqual(table([{ label: "served", value: "12" }, { label: "  ConnectError Refused", value: "3" }]), [
      "  served                  12",
      "    ConnectError Refused  3"
    ])
  })
})
