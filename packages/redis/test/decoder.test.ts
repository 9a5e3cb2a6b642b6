import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Rng } from "@socketpool/testing"
import { breathe, bySearch, seeds } from "../../core/test/search.js"
import { ErrorReply, MapReply, SetReply } from "../src/internal/message.js"
import { bytes as getBytes, bytesReply } from "../src/internal/replies.js"
import { request } from "../src/internal/request.js"
import { beside, nodeRedis, ours, redisParser, version2, version3, writtenByNodeRedis } from "./replies.js"

const count = bySearch({ short: 2_000, full: 16_000, deep: 100_000 })

/** Cuts bytes into pieces: at every byte, at few places, or not at all. */
const cut = (rng: Rng.Rng, stream: Buffer): ReadonlyArray<Uint8Array> => {
  const most = rng.pick([1, 3, 20, 200, stream.length])
  const pieces: Array<Uint8Array> = []
  for (let at = 0; at < stream.length;) {
    const size = rng.between(1, Math.max(1, most))
    pieces.push(Uint8Array.from(stream.subarray(at, at + size)))
    at += size
  }
  return pieces
}

const stream = (rng: Rng.Rng, one: (rng: Rng.Rng) => string): Buffer =>
  Buffer.from(Array.from({ length: rng.between(1, 4) }, () => one(rng)).join(""), "latin1")

const read = (text: string, maxBytes?: number) => ours([Uint8Array.from(Buffer.from(text, "latin1"))], maxBytes)

describe("the encoder of commands", () => {
  it("writes what @redis/client writes, for texts, bytes and numbers", () => {
    const rng = Rng.make(1)
    const parts = ["", "a", "ä", "€", "😀", "\ud800", "\r\n", "$1", "x".repeat(30), "ä".repeat(40)]
    const argument = () => {
      const text = Array.from({ length: rng.between(0, 4) }, () => rng.pick(parts as [string, ...Array<string>])).join(
        ""
      )
      return rng.pick([text, text, Buffer.from(text), rng.between(-5, 1e9), 0.25, 2n ** 70n])
    }
    for (let i = 0; i < 2_000; i++) {
      const args = Array.from({ length: rng.between(0, 6) }, argument)
      const words = args.map((one) => one instanceof Uint8Array ? one : String(one))
      expect(Buffer.from(request("test", "GET", args).bytes)).toEqual(writtenByNodeRedis(["GET", ...words]))
    }
  })
})

describe("the decoder of replies", () => {
  it(`reads what redis-parser reads, however it is cut (${count} streams)`, async () => {
    for (const seed of seeds("replies of version 2", 1)) {
      const rng = Rng.make(seed)
      for (let i = 0; i < count; i++) {
        await breathe()
        const bytes = stream(rng, version2)
        expect(ours(cut(rng, bytes)), latin(bytes)).toEqual(redisParser(bytes))
      }
    }
  })

  it(`reads what @redis/client reads, however it is cut (${count} streams)`, async () => {
    for (const seed of seeds("replies of version 3", 1)) {
      const rng = Rng.make(seed)
      for (let i = 0; i < count; i++) {
        await breathe()
        const bytes = stream(rng, version3)
        expect(ours(cut(rng, bytes)), latin(bytes)).toEqual(nodeRedis(bytes))
      }
    }
  })

  it(`reads pushes between replies, and leaves attributes out (${count / 10} streams)`, async () => {
    for (const seed of seeds("pushes and attributes", 1)) {
      const rng = Rng.make(seed)
      for (let i = 0; i < count / 10; i++) {
        await breathe()
        const replies = Array.from({ length: rng.between(1, 4) }, () => version3(rng))
        const others = replies.map(() => beside(rng))
        const mixed = Buffer.from(replies.map((reply, at) => others[at] + reply).join(""), "latin1")
        const plain = replies.map((reply, at) => (others[at]!.startsWith(">") ? others[at] : "") + reply).join("")
        expect(ours(cut(rng, mixed)), latin(mixed)).toEqual(nodeRedis(Buffer.from(plain, "latin1")))
      }
    }
  })

  it("leaves out an attribute within an array", () => {
    expect(read("*2\r\n|1\r\n+ttl\r\n:1\r\n:2\r\n|1\r\n+a\r\n*1\r\n+b\r\n:3\r\n")).toEqual([
      read("*2\r\n:2\r\n:3\r\n")[0]
    ])
  })

  it("keeps numbers of 64 bits and of any size exact, and tells sets and errors from arrays and texts", () => {
    const exact = (text: string) => ours([Uint8Array.from(Buffer.from(text))], 1_000, (message) => message)
    expect(exact(":+7\r\n:9007199254740993\r\n:-9223372036854775808\r\n:-9007199254740991\r\n")).toEqual(
      [7, 9007199254740993n, -9223372036854775808n, -9007199254740991]
    )
    expect(exact("(+12\r\n(-123456789012345678901234567890\r\n")).toEqual([12n, -123456789012345678901234567890n])
    expect(exact("~1\r\n:1\r\n-ERR no\r\n!6\r\nERR no\r\n%1\r\n+a\r\n:1\r\n")).toEqual([
      new SetReply([1]),
      new ErrorReply("ERR no"),
      new ErrorReply("ERR no"),
      new MapReply(["a", 1])
    ])
  })

  it.each([
    ["a byte that is no type", "hello\r\n"],
    ["a length that is no number", "$abc\r\n"],
    ["a length without digits", "$\r\n"],
    ["a negative length", "$-2\r\n"],
    ["a negative count of a map", "%-1\r\n"],
    ["a length without end", `$${"1".repeat(40)}`],
    ["a body without its end", "$2\r\nabcd"],
    ["a long body without its end", `$300\r\n${"a".repeat(302)}`],
    ["a line feed without a carriage return", ":1\n\n"],
    ["a carriage return without a line feed", ":1\r\r"],
    ["another boolean", "#x\r\n"],
    ["another null", "_x\r\n"],
    ["a double that is none", ",1.2.3\r\n"],
    ["a double in hexadecimal", ",0x10\r\n"],
    ["a double without digits", ",\r\n"],
    ["a big number that is none", "(12a\r\n"],
    ["a verbatim text without its format", "=2\r\nab\r\n"],
    ["a streamed string", "$?\r\n"],
    ["a streamed array", "*?\r\n"],
    ["a push within an array", "*1\r\n>1\r\n+a\r\n"],
    ["a double of 5,000 digits", `,${"1".repeat(5_000)}`],
    ["65 arrays in each other", "*1\r\n".repeat(65)]
  ])("refuses %s", (_, text) => {
    expect(read(text).at(-1)).toBe("@socketpool/core/Framing/Malformed")
    expect(ours([...Buffer.from(text, "latin1")].map((byte) => Uint8Array.of(byte))).at(-1)).toBe(
      "@socketpool/core/Framing/Malformed"
    )
  })

  it.each([
    ["a body", "$1000000000000\r\n"],
    ["a body that is one byte too long", "$1000\r\n"],
    ["an array", "*1000000000000\r\n"],
    ["a map", "%1000000\r\n"],
    ["an attribute", "|1000000\r\n"],
    ["a line without end", `+${"a".repeat(2_000)}`],
    ["an array whose items are too large together", `*20\r\n${`$60\r\n${"a".repeat(60)}\r\n`.repeat(20)}`],
    ["many empty attributes", "|0\r\n".repeat(500)],
    ["a number of 5,000 digits", `(${"1".repeat(5_000)}\r\n`]
  ])("says that %s is too large, before it has come", (_, text) => {
    expect(read(text, 1_000).at(-1)).toBe("@socketpool/core/Framing/TooLarge")
  })

  it("counts the bytes of each reply on their own", () => {
    expect(read(`*2\r\n$300\r\n${"a".repeat(300)}\r\n+OK\r\n`.repeat(9), 1_000)).toHaveLength(9)
  })

  it("allows 64 arrays in each other", () => {
    expect(read(`${"*1\r\n".repeat(64)}:1\r\n`)).toHaveLength(1)
  })

  it("reads an array of 200,000 values in small pieces without looking at any twice", () => {
    const bytes = Buffer.from(`*200000\r\n${"$1\r\na\r\n".repeat(200_000)}`)
    const pieces: Array<Uint8Array> = []
    for (let at = 0; at < bytes.length; at += 100) pieces.push(Uint8Array.from(bytes.subarray(at, at + 100)))
    const [whole] = ours(pieces, 2_000_000) as [ReadonlyArray<unknown>]
    expect(whole).toHaveLength(200_000)
  })
})

describe("bytes that a program keeps", () => {
  it.each([1, 60, 400, 5_000, 20_000])("are a plain array, and pin at most four times their own size: %d", (size) => {
    const one = Buffer.from(`$${size}\r\n${"a".repeat(size)}\r\n`)
    const chunk = Buffer.alloc(65_536)
    const count = Math.floor(chunk.length / one.length)
    for (let i = 0; i < count; i++) chunk.set(one, i * one.length)
    const replies = ours([chunk.subarray(0, count * one.length)], 100_000, (message) => [
      getBytes(message, "GET"),
      bytesReply([message], "MGET")
    ]) as ReadonlyArray<readonly [Uint8Array, ReadonlyArray<Uint8Array>]>
    expect(replies).toHaveLength(count)
    // One in 60 is kept, as in a cache.
    const kept = replies.flatMap(([alone, [listed]]) => [alone, listed!]).filter((_, i) => i % 60 === 0)
    for (const bytes of kept) {
      expect(bytes.constructor).toBe(Uint8Array)
      expect(Buffer.from(bytes).toString()).toBe("a".repeat(size))
      expect(bytes.buffer.byteLength).toBeLessThanOrEqual(4 * size)
    }
  })
})

const latin = (bytes: Buffer): string => JSON.stringify(bytes.toString("latin1"))
