import { ByteBuffer } from "@socketpool/core"
import { Malformed, TooLarge } from "@socketpool/core/Framing"
import { FastCheck as fc } from "@socketpool/test-seam"
import { Packr } from "msgpackr"
import { describe, expect, it } from "vitest"
import { maxDepth, Scanner } from "../src/internal/scanner.js"

const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: "auto" as "number" })

const leaf = fc.oneof(
  fc.constantFrom(null, true, false, "", 0, -1, 127, 128, 65_535, 65_536, 4_294_967_295, -32, -33, -129, -32_769),
  fc.double(),
  fc.integer(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  fc.string({ maxLength: 40, unit: "binary" }),
  fc.uint8Array({ maxLength: 40 }),
  fc.date({ noInvalidDate: true }),
  // The limits of the widths of lengths.
  fc.constantFrom(255, 256, 65_535, 65_536).map((size) => "s".repeat(size)),
  fc.constantFrom(255, 256, 65_535, 65_536).map((size) => new Uint8Array(size))
)

const value = fc.letrec((tie) => ({
  any: fc.oneof({ depthSize: "small" }, leaf, tie("array"), tie("map")),
  array: fc.array(tie("any"), { maxLength: 20 }),
  map: fc.dictionary(fc.string({ maxLength: 5 }), tie("any"), { maxKeys: 18 })
})).any

/** Asks the scanner after each cut, and at last with bytes of the next value behind. */
const scanned = (bytes: Uint8Array, cuts: ReadonlyArray<number>) => {
  const scanner = new Scanner(bytes.length)
  for (const cut of cuts) {
    const early = scanner.scan(ByteBuffer.make(bytes.slice(0, cut)))
    if (early !== undefined) return { early, cut }
  }
  return { size: scanner.scan(ByteBuffer.make(bytes, Uint8Array.of(0xc1, 0xc1))), scanner }
}

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"))

describe("the scanner", () => {
  it("finds the end that msgpackr finds, and each item of an array, wherever the bytes are cut", () => {
    fc.assert(
      fc.property(value, fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })), (value, places) => {
        const bytes = Uint8Array.from(packr.pack(value))
        const cuts = bytes.length <= 200
          ? Array.from(bytes, (_, i) => i)
          : places.map((place) => Math.floor(place * bytes.length)).sort((a, b) => a - b)
        const { scanner, size, ...early } = scanned(bytes, cuts)
        expect(early).toEqual({})
        expect(size).toBe(bytes.length)
        expect(scanner!.count).toBe(Array.isArray(value) ? value.length : -1)
        if (!Array.isArray(value) || value.length > 4) return
        const items = scanner!.starts.map((start, i) =>
          packr.unpack(bytes, { start, end: scanner!.starts[i + 1] ?? bytes.length })
        )
        expect(Buffer.compare(packr.pack(items), packr.pack(packr.unpack(bytes)))).toBe(0)
      }),
      { numRuns: 1_000 }
    )
  })

  it("knows every first byte", () => {
    for (let token = 0; token < 256; token++) {
      const zeros = new Uint8Array(40)
      zeros[0] = token
      let whole: number | undefined
      for (let size = 1; size <= zeros.length && whole === undefined; size++) {
        const found = new Scanner(100).scan(ByteBuffer.make(zeros.slice(0, size)))
        if (typeof found === "number") whole = found
      }
      // Zeros are lengths of 0, or the number 0 as often as wanted.
      const wanted = token >= 0x80 && token < 0x90
        ? 1 + 2 * (token & 15)
        : token >= 0x90 && token < 0xa0
        ? 1 + (token & 15)
        : token >= 0xa0 && token < 0xc0
        ? 1 + (token & 31)
        : sizes[token]
      expect([token, whole]).toEqual([token, token < 0x80 || token >= 0xe0 ? 1 : wanted])
    }
  })

  const sizes: Readonly<Record<number, number>> = {
    ...{ 0xc0: 1, 0xc2: 1, 0xc3: 1, 0xc4: 2, 0xc5: 3, 0xc6: 5, 0xc7: 3, 0xc8: 4, 0xc9: 6, 0xca: 5, 0xcb: 9 },
    ...{ 0xcc: 2, 0xcd: 3, 0xce: 5, 0xcf: 9, 0xd0: 2, 0xd1: 3, 0xd2: 5, 0xd3: 9, 0xd4: 3, 0xd5: 4, 0xd6: 6 },
    ...{ 0xd7: 10, 0xd8: 18, 0xd9: 2, 0xda: 3, 0xdb: 5, 0xdc: 3, 0xdd: 5, 0xde: 3, 0xdf: 5 }
  }

  const hostile: Readonly<Record<string, readonly [string, unknown]>> = {
    "a text of 4 GiB": ["db ffffffff", TooLarge],
    "bytes of 4 GiB": ["c6 ffffffff", TooLarge],
    "an extension of 4 GiB": ["c9 ffffffff 05", TooLarge],
    "an array of 4 billion items": ["dd ffffffff", TooLarge],
    "a map of 4 billion pairs": ["df ffffffff", TooLarge],
    "arrays of arrays that are too large together": ["dc 0200 dc 0200 dc 0200", TooLarge],
    "a byte that MessagePack never uses": ["93 00 c1", Malformed],
    "one level more than allowed": ["91".repeat(maxDepth + 1), Malformed],
    "one level more than allowed, of maps": ["8100".repeat(maxDepth + 1), Malformed]
  }

  for (const [name, [bytes, answer]] of Object.entries(hostile)) {
    it(`refuses ${name} before it has come`, () => {
      expect(new Scanner(1_024).scan(ByteBuffer.make(hex(bytes)))).toBe(answer)
    })
  }

  it("takes as many levels as allowed", () => {
    const bytes = hex("91".repeat(maxDepth) + "00")
    expect(new Scanner(1_024).scan(ByteBuffer.make(bytes))).toBe(maxDepth + 1)
  })

  it("copies each byte a few times at most, even if bytes come one by one", () => {
    const bytes = Uint8Array.from(packr.pack(Array.from({ length: 3_000 }, (_, i) => [i, "text", { key: i }])))
    const scanner = new Scanner(bytes.length)
    let copied = 0
    let size: unknown
    for (let end = 1; end <= bytes.length; end++) {
      const buffer = ByteBuffer.make(bytes.subarray(0, end))
      const counting: ByteBuffer.ByteBuffer = Object.create(buffer, {
        length: { value: end },
        copy: {
          value: (from: number, to: number) => {
            copied += to - from
            return buffer.copy(from, to)
          }
        }
      })
      size = scanner.scan(counting)
    }
    expect(size).toBe(bytes.length)
    expect(copied).toBeLessThan(3 * bytes.length)
  })

  it("copies few bytes of what follows a short value", () => {
    const messages = Buffer.concat(Array.from({ length: 1_000 }, (_, i) => packr.pack([2, "m", [i]])))
    const buffer = ByteBuffer.make(messages)
    let copied = 0
    const counting: ByteBuffer.ByteBuffer = Object.create(buffer, {
      length: { get: () => buffer.length },
      copy: {
        value: (from: number, to: number) => {
          copied += to - from
          return buffer.copy(from, to)
        }
      }
    })
    let found = 0
    while (buffer.length > 0) {
      buffer.skip(new Scanner(1_000).scan(counting) as number)
      found++
    }
    expect(found).toBe(1_000)
    expect(copied).toBeLessThan(messages.length * 20)
  })
})
