import { argument } from "@socketpool/core/Checks"
import { describe, expect, it } from "vitest"
import { make, params, sendable } from "../src/internal/codec.js"

const codec = make({ mapsAsObjects: true })

const hexOf = (value: unknown) => Buffer.from(codec.encode(sendable(value))).toString("hex")

const back = (value: unknown) => {
  const bytes = codec.encode(sendable(value))
  return codec.decode(bytes, 0, bytes.length)
}

describe("the codec", () => {
  const integers: ReadonlyArray<readonly [number | bigint, string]> = [
    [4_294_967_295, "ceffffffff"],
    // A typed peer refuses a float where it wants an integer.
    [4_294_967_296, "d30000000100000000"],
    [-2_147_483_648, "d280000000"],
    [-2_147_483_649, "d3ffffffff7fffffff"],
    [1_700_000_000_000, "d30000018bcfe56800"],
    [Number.MAX_SAFE_INTEGER, "d3001fffffffffffff"],
    [2n ** 63n, "cf8000000000000000"],
    [2n ** 64n - 1n, "cfffffffffffffffff"],
    [-(2n ** 63n), "d38000000000000000"]
  ]
  for (const [value, bytes] of integers) {
    it(`encodes ${value} as an integer, and decodes it without loss`, () => {
      expect(hexOf(value)).toBe(bytes)
      expect(back({ nested: [value] })).toEqual({ nested: [value] })
    })
  }

  it("decodes a whole number that a number cannot hold as a bigint", () => {
    expect(back([2n ** 53n + 1n, 2n ** 60n])).toEqual([2n ** 53n + 1n, 2n ** 60n])
  })

  it("uses only what other implementations know", () => {
    expect(hexOf(undefined)).toBe("c0")
    expect(hexOf({ a: undefined })).toBe("81a161c0")
    expect(hexOf(new Set([1]))).toBe("9101")
    expect(hexOf({ a: 1, b: [{ a: 1 }, { a: 1 }] })).toBe("82a16101a1629281a1610181a16101")
    expect(hexOf(new Date(1_000))).toBe("d6ff00000001")
  })

  it("changes no value that somebody else has", () => {
    const given = { when: 1_700_000_000_000, list: [1_700_000_000_000] }
    sendable(given)
    expect(given).toEqual({ when: 1_700_000_000_000, list: [1_700_000_000_000] })
  })

  it("keeps a key that is called __proto__ a key", () => {
    const given = JSON.parse(`{"__proto__": 1700000000000}`)
    const held = sendable(given) as object
    expect(Object.entries(held)).toEqual([["__proto__", 1_700_000_000_000n]])
    expect(Object.getPrototypeOf(held)).toBe(Object.prototype)
  })

  it("decodes maps as objects or as maps", () => {
    const bytes = codec.encode(new Map<unknown, unknown>([["a", 1]]))
    expect(codec.decode(bytes, 0, bytes.length)).toEqual({ a: 1 })
    expect(make({ mapsAsObjects: false }).decode(bytes, 0, bytes.length)).toEqual(new Map([["a", 1]]))
  })

  const circular: Array<unknown> = []
  circular.push(circular)
  const unholdable: Readonly<Record<string, readonly [unknown, string]>> = {
    "no array": [{ a: 1 }, "an array"],
    "a function": [[() => 1], "neither functions nor symbols"],
    "a symbol": [[{ a: [Symbol.iterator] }], "neither functions nor symbols"],
    "a whole number of more than 64 bits": [[2n ** 64n], "whole numbers of at most 64 bits"],
    "a value that contains itself": [circular, "at most 64 levels of arrays and maps"]
  }
  for (const [name, [value, rule]] of Object.entries(unholdable)) {
    it(`refuses ${name} as params, and does not show them`, () => {
      const refused = () => argument("MsgpackRpc.call", "params", params, value)
      expect(refused).toThrow(RangeError)
      expect(refused).toThrow(rule)
      expect(refused).toThrow("<redacted>")
    })
  }
})
