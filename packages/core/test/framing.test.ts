import { ByteBuffer, Framing } from "@socketpool/core"
import { collect, decodingFailure, fork, fromJson, result, yieldNow } from "@socketpool/test-seam"
import { assert, describe, expect, it } from "@socketpool/test-seam/virtual"
import { MemoryServer, Rng } from "@socketpool/testing"
import { Cause, Effect, Exit, Fiber, Schema } from "effect"
import { ByteQueue } from "../src/internal/byteQueue.js"
import { pushLines } from "./pushLines.js"
import { breathe, bySearch, seeds } from "./search.js"

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (frame: Uint8Array) => new TextDecoder().decode(frame)

const framings: ReadonlyArray<readonly [string, Framing.Framing, ReadonlyArray<string>]> = [
  ["lines", Framing.lines({ maxBytes: 40 }), ["", "one", "carriage \r inside", "x".repeat(40)]],
  ["lines ended by LF", Framing.lines({ end: "\n" }), ["", "one", "two"]],
  ["delimited by one byte", Framing.delimited("\0"), ["", "one\ntwo", "three"]],
  ["delimited by what repeats itself", Framing.delimited("aab"), ["", "ab", "xaxax", "b"]],
  ["of a fixed size", Framing.fixed(3), ["abc", "def"]],
  ["behind 1 byte", Framing.lengthPrefixed({ bytes: 1 }), ["", "one", "x".repeat(255)]],
  ["behind 2 bytes", Framing.lengthPrefixed({ bytes: 2 }), ["", "one", "x".repeat(300)]],
  ["behind 2 bytes, little", Framing.lengthPrefixed({ bytes: 2, order: "little" }), ["", "one", "x".repeat(300)]],
  ["behind 4 bytes", Framing.lengthPrefixed({ bytes: 4 }), ["", "one", "x".repeat(70)]],
  ["behind 4 bytes, little", Framing.lengthPrefixed({ bytes: 4, order: "little" }), ["", "one"]],
  ["behind 3 bytes", Framing.lengthPrefixed({ bytes: 3 }), ["", "one", "x".repeat(300)]],
  ["of PostgreSQL", Framing.lengthPrefixed({ bytes: 4, offset: 1, includesItself: true }), ["Q", "Qselect 1", "Z"]],
  ["of MySQL", Framing.lengthPrefixed({ bytes: 3, order: "little", adjust: 1 }), ["0", "1select 1"]],
  ["of Modbus/TCP", Framing.lengthPrefixed({ bytes: 2, offset: 4 }), ["tid0", "tid1u03"]],
  ["of AMQP", Framing.lengthPrefixed({ bytes: 4, offset: 3, adjust: 1 }), ["mchE", "mchpayloadE"]],
  ["of HTTP/2", Framing.lengthPrefixed({ bytes: 3, adjust: 6 }), ["tfstre", "tfstrepayload"]],
  ["whose length counts all", Framing.lengthPrefixed({ bytes: 2, offset: 1, adjust: -1, includesItself: true }), [
    "v",
    "vrest"
  ]],
  ["behind a varint within", Framing.lengthPrefixed({ bytes: "varint", offset: 2 }), ["ab", "ab" + "x".repeat(300)]],
  ["of a push parser", pushLines, ["", "one", "x".repeat(70), "x".repeat(300), "two"]],
  ["behind a varint", Framing.lengthPrefixed({ bytes: "varint" }), ["", "one", "x".repeat(127), "x".repeat(300)]]
]

const encoded = (framing: Framing.Framing, frame: string): Uint8Array => {
  const whole = framing.encode(frame)
  assert.instanceOf(whole, Uint8Array)
  return whole as Uint8Array
}

const below = (rng: Rng.Rng, most: number): number => rng.between(0, most - 1)

/** Every frame that a stream in these chunks gives. */
const decodeAll = (framing: Framing.Framing, chunks: ReadonlyArray<Uint8Array>): Array<string> => {
  const buffer = new ByteQueue()
  const found: Array<string> = []
  let decoder = framing.decoder()
  for (const chunk of chunks) {
    buffer.push(chunk)
    for (;;) {
      const frame = decoder.decode(buffer)
      if (frame === undefined) break
      if (frame === Framing.TooLarge) return [...found, "TooLarge"]
      if (frame === Framing.Malformed) return [...found, "Malformed"]
      found.push(text(frame))
      decoder = framing.decoder()
    }
  }
  return found
}

describe("a frame", () => {
  it.each(framings)("comes out as it went in, wherever the stream is cut: %s", (_, framing, frames) => {
    const stream = Uint8Array.from(frames.flatMap((frame) => [...encoded(framing, frame)]))
    for (let cut = 0; cut <= stream.length; cut++) {
      expect(decodeAll(framing, [stream.subarray(0, cut), stream.subarray(cut)])).toEqual(frames)
    }
    expect(decodeAll(framing, [...stream].map((byte) => Uint8Array.of(byte)))).toEqual(frames)
  })

  it("has the bytes that the protocol says", () => {
    expect([...encoded(Framing.lengthPrefixed({ bytes: 4 }), "ab")]).toEqual([0, 0, 0, 2, 97, 98])
    expect([...encoded(Framing.lengthPrefixed({ bytes: 4, order: "little" }), "ab")]).toEqual([2, 0, 0, 0, 97, 98])
    expect([...encoded(Framing.lengthPrefixed({ bytes: 2 }), "x".repeat(258))].slice(0, 3)).toEqual([1, 2, 120])
    // Protocol Buffers' own example: 300 is AC 02.
    expect([...encoded(Framing.lengthPrefixed({ bytes: "varint" }), "x".repeat(300))].slice(0, 2)).toEqual([0xac, 2])
    expect(text(encoded(Framing.lines(), "hi"))).toBe("hi\r\n")
  })

  it("that is a line ends with LF or with CR LF", () => {
    expect(decodeAll(Framing.lines(), [bytes("one\ntwo\r\n\n\r\n")])).toEqual(["one", "two", "", ""])
  })
})

describe("a frame that is too large", () => {
  /** A frame that fits, one that does not, and after how many of its bytes that is known. */
  const limited: ReadonlyArray<readonly [string, Framing.Framing, string, string, number]> = [
    ["a line", Framing.lines({ maxBytes: 4 }), "abcd\r\n", "abcdef", 6],
    ["a delimited frame", Framing.delimited(";;", { maxBytes: 4 }), "abcd;;", "abcde;;", 6],
    ["a length of 1 byte", Framing.lengthPrefixed({ bytes: 1, maxBytes: 4 }), "\x04abcd", "\x05abcde", 1],
    ["a length of 2 bytes", Framing.lengthPrefixed({ bytes: 2, maxBytes: 4 }), "\0\x04abcd", "\0\x05abcde", 2],
    [
      "a length of 4 bytes",
      Framing.lengthPrefixed({ bytes: 4, maxBytes: 4 }),
      "\0\0\0\x04abcd",
      "\x7f\x7f\x7f\x7f",
      4
    ],
    ["a varint", Framing.lengthPrefixed({ bytes: "varint", maxBytes: 4 }), "\x04abcd", "\x05abcde", 1]
  ]
  it.each(limited)("is refused as soon as that is known: %s", (_, framing, fits, tooLarge, known) => {
    expect(decodeAll(framing, [bytes(fits)])).toEqual(["abcd"])
    const hostile = [...bytes(tooLarge)].map((byte) => Uint8Array.of(byte))
    expect(decodeAll(framing, hostile.slice(0, known))).toEqual(["TooLarge"])
    expect(decodeAll(framing, hostile.slice(0, known - 1))).toEqual([])
    expect(decodeAll(framing, [bytes(tooLarge)])).toEqual(["TooLarge"])
  })

  it("is refused whatever length a hostile peer writes", () => {
    const all255 = new Uint8Array(10).fill(255)
    for (const bytes of [1, 2, 3, 4, "varint"] as const) {
      for (const order of ["big", "little"] as const) {
        const framing = Framing.lengthPrefixed({ bytes, order, maxBytes: 100 })
        expect(decodeAll(framing, [all255])).toEqual(["TooLarge"])
      }
    }
    // A varint that never ends.
    expect(decodeAll(Framing.lengthPrefixed({ bytes: "varint" }), [new Uint8Array(5).fill(128)])).toEqual(["TooLarge"])
  })

  it("is not sent", () => {
    for (const [, framing] of limited) {
      expect(framing.encode("abcde")).toMatchObject({ _tag: "FramingError", reason: "TooLarge", size: 5 })
    }
  })
})

describe("what would be read as something else", () => {
  it("is not sent as a line", () => {
    expect(Framing.lines().encode("a\r\nMAIL FROM:<b>")).toMatchObject({ reason: "ContainsDelimiter" })
    expect(Framing.lines().encode("a\n")).toMatchObject({ reason: "ContainsDelimiter" })
  })

  it("is not sent as a delimited frame, also where the delimiter begins in the frame and ends in its own", () => {
    expect(Framing.delimited("aab").encode("xaabx")).toMatchObject({ reason: "ContainsDelimiter" })
    expect(Framing.delimited("aa").encode("xa")).toMatchObject({ reason: "ContainsDelimiter" })
    expect(Framing.delimited("aab").encode("xaa")).toBeInstanceOf(Uint8Array)
  })

  it("is not sent as a frame of a fixed size", () => {
    expect(Framing.fixed(3).encode("ab")).toMatchObject({ reason: "WrongSize", size: 2 })
    expect(String(Framing.fixed(3).encode("ab"))).toContain("Cannot send a frame of 2 bytes: frames have 3 bytes")
  })
})

const [seed] = seeds("framing", 20_261_122)
const rounds = bySearch({ short: 10_000, full: 100_000, deep: 1_000_000 })

describe(`${rounds.toLocaleString("en")} random streams`, { timeout: 1_200_000 }, () => {
  it("of random bytes give frames within the limit or TooLarge, and nothing is thrown", async () => {
    const rng = Rng.make(seed)
    const limit = 50
    const of = [
      Framing.lines({ maxBytes: limit }),
      Framing.delimited("\0", { maxBytes: limit }),
      Framing.fixed(7),
      Framing.lengthPrefixed({ bytes: 1, maxBytes: limit }),
      Framing.lengthPrefixed({ bytes: 2, maxBytes: limit }),
      Framing.lengthPrefixed({ bytes: 4, maxBytes: limit, order: "little" }),
      Framing.lengthPrefixed({ bytes: "varint", maxBytes: limit })
    ]
    let frames = 0
    let refused = 0
    let longest = 0
    for (let round = 0; round < rounds; round++) {
      await breathe()
      const framing = of[round % of.length]!
      const values = rng.pick([12, 64, 256])
      const stream = Array.from(
        { length: 1 + below(rng, 6) },
        () => Uint8Array.from({ length: 1 + below(rng, 20) }, () => below(rng, values))
      )
      for (const frame of decodeAll(framing, stream)) {
        if (frame === "TooLarge") refused++
        else frames++
        longest = Math.max(longest, frame.length)
      }
    }
    const replay = `replay with SOCKETPOOL_SEED=${seed}`
    assert.strictEqual(longest, limit, replay)
    assert.isAbove(frames, rounds / 10, replay)
    assert.isAbove(refused, rounds / 10, replay)
  })

  it("of frames, cut at random, give those frames", async () => {
    const rng = Rng.make(seed)
    for (let round = 0; round < rounds; round++) {
      await breathe()
      const [name, framing] = framings[round % framings.length]!
      const frames = Array.from(
        { length: 1 + below(rng, 4) },
        // The longest header of these protocols has six bytes.
        () => name === "of a fixed size" ? "abc" : "header" + "cdefg".slice(0, below(rng, 6)).repeat(1 + below(rng, 3))
      )
      const stream = Uint8Array.from(frames.flatMap((frame) => [...encoded(framing, frame)]))
      const chunks: Array<Uint8Array> = []
      for (let at = 0; at < stream.length;) {
        const size = 1 + below(rng, stream.length - at)
        chunks.push(stream.subarray(at, at + size))
        at += size
      }
      assert.deepStrictEqual(decodeAll(framing, chunks), frames, `replay with SOCKETPOOL_SEED=${seed}`)
    }
  })
})

describe("the byte buffer", () => {
  it("gives back what came, in whatever pieces it came and is taken", () => {
    const rng = Rng.make(3)
    for (let round = 0; round < 500; round++) {
      const buffer = new ByteQueue()
      let next = 0
      let expected = 0
      for (let step = 0; step < 60; step++) {
        if (below(rng, 2) === 0) {
          const size = below(rng, below(rng, 8) === 0 ? 5_000 : 30)
          const pushed = new Uint8Array(size)
          for (let i = 0; i < size; i++) pushed[i] = next++ % 251
          buffer.push(pushed)
        } else {
          const size = below(rng, buffer.length + 1)
          const right = Uint8Array.from({ length: size }, (_, i) => (expected + i) % 251)
          const from = below(rng, size + 1)
          assert.deepStrictEqual(buffer.copy(from, size), right.slice(from))
          if (size > 1) {
            const start = below(rng, size - 1)
            const end = right.findIndex((byte, i) => i > start && byte === (right[start]! + 1) % 251) + 1
            assert.strictEqual(buffer.endOf(right.slice(start, start + 2), start), end)
          }
          const way = below(rng, 3)
          if (way === 0) assert.deepStrictEqual(buffer.take(size), right)
          else if (way === 1) assert.deepStrictEqual(buffer.takeWith(size, ByteBuffer.keep), right)
          else buffer.skip(size)
          expected += size
        }
        assert.strictEqual(buffer.length, next - expected)
        if (buffer.length > 0) assert.strictEqual(buffer.at(0), expected % 251)
        assert.strictEqual(buffer.at(buffer.length), undefined)
      }
    }
  })

  it("leaves what it has given alone when more comes", () => {
    const buffer = new ByteQueue()
    for (const part of ["ab", "cd", "ef"]) buffer.push(bytes(part))
    const taken = buffer.take(5)
    buffer.push(bytes("gh"))
    expect([text(taken), text(buffer.take(3))]).toEqual(["abcde", "fgh"])
  })

  it("keeps a frame that comes byte by byte in about twice its size", () => {
    const buffer = new ByteQueue()
    const size = 1_000_000
    for (let i = 0; i < size; i++) buffer.push(Uint8Array.of(i % 251))
    // It holds on to chunks over blocks that they share with nobody.
    const { chunks } = buffer as unknown as { readonly chunks: ReadonlyArray<Uint8Array> }
    const held = chunks.reduce((sum, chunk) => sum + chunk.buffer.byteLength + 100, 0)
    assert.isAtMost(held, 2 * size)
    assert.strictEqual(buffer.take(size)[999_999], 999_999 % 251)
  })

  it("shows bytes where they are, and joins those of several chunks", () => {
    const buffer = new ByteQueue()
    const [first, second] = [new Uint8Array(2_000).fill(1), new Uint8Array(2_000).fill(2)]
    buffer.push(first)
    buffer.push(second)
    const seen = (size: number) =>
      buffer.takeWith(size, (chunk, start, end) => [chunk === first, chunk === second, start, end])
    expect([seen(1_500), seen(500), seen(10)]).toEqual([
      [true, false, 0, 1_500],
      [true, false, 1_500, 2_000],
      [false, true, 0, 10]
    ])
    buffer.push(first)
    expect([seen(2_000), buffer.length]).toEqual([[false, false, 0, 2_000], 1_990])
  })

  it.each([1, -1, NaN])("refuses to give more than there is: %d", (size) => {
    const buffer = new ByteQueue()
    expect(() => buffer.take(size)).toThrow(`cannot take ${size} bytes of 0`)
    expect(() => buffer.takeWith(size, ByteBuffer.keep)).toThrow(`cannot take ${size} bytes of 0`)
    expect(() => buffer.skip(size)).toThrow(`cannot skip ${size} bytes of 0`)
    assert.strictEqual(buffer.length, 0)
  })
})

describe("wrong options", () => {
  it.each<readonly [string, () => unknown]>([
    ["maxBytes must be a whole number of at least 1, but is 0", () => Framing.lines({ maxBytes: 0 })],
    ["delimiter must be a string or a Uint8Array that is not empty, but is \"\"", () => Framing.delimited("")],
    ["bytes must be a whole number of at least 1, but is 1.5", () => Framing.fixed(1.5)],
    ["bytes must be 1, 2, 3, 4 or \"varint\", but is 5", () => Framing.lengthPrefixed({ bytes: 5 as 4 })],
    ["offset must be a whole number of at least 0, but is -1", () => Framing.lengthPrefixed({ bytes: 1, offset: -1 })],
    ["adjust must be a whole number, but is 0.5", () => Framing.lengthPrefixed({ bytes: 1, adjust: 0.5 })],
    [
      "includesItself must be false for a varint, but is true",
      () => Framing.lengthPrefixed({ bytes: "varint", includesItself: true })
    ],
    [
      "adjust must be at least -255, so that a frame can have a length, but is -256",
      () => Framing.lengthPrefixed({ bytes: 1, adjust: -256 })
    ],
    [
      "adjust must be at least -254, so that a frame can have a length, but is -256",
      () => Framing.lengthPrefixed({ bytes: 1, adjust: -256, includesItself: true })
    ],
    ["make must be a function, but is undefined", () => Framing.decoder(undefined as any)],
    ["maxBytes must be a whole number of at least 1, but is 0", () => Framing.decoder(() => () => {}, { maxBytes: 0 })],
    [
      "maxBytes must be a whole number from 0 to 255, but is 256",
      () => Framing.lengthPrefixed({ bytes: 1, maxBytes: 256 })
    ]
  ])("are named: %s", (message, make) => {
    expect(make).toThrow(message)
  })
})

describe("frames over a connection", () => {
  const Point = fromJson(Schema.Struct({ x: Schema.Number }))

  it.scoped("are asked for and answered", () =>
    Effect.gen(function*() {
      const framing = Framing.lengthPrefixed({ bytes: 4 })
      const server = yield* MemoryServer.make((peer) => {
        const { recv, send } = Framing.over(peer, framing)
        return Effect.forever(Effect.flatMap(recv, send))
      })
      const pool = yield* server.pool({ maxConnections: 1 })
      const answer = yield* pool.use((connection) => {
        const points = Framing.schema(Framing.text(Framing.over(connection, framing)), Point)
        return Effect.andThen(points.send({ x: 3 }), points.recv)
      })
      expect(answer).toEqual({ x: 3 })
      expect(yield* pool.stats).toMatchObject({ idle: 1, opened: 1 })
    }))

  it.scoped("come one to each reader, whole", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) =>
        Effect.andThen(peer.send("\x03on"), Effect.andThen(peer.recvExactly(1), peer.send("e\x03two\x00")))
      )
      const connection = yield* server.connect()
      const { recv } = Framing.over(connection, Framing.lengthPrefixed({ bytes: 1 }))
      const readers = yield* Effect.forEach([1, 2, 3], () => fork(recv))
      yield* yieldNow
      yield* connection.send("!")
      expect((yield* Fiber.joinAll(readers)).map(text)).toEqual(["one", "two", ""])
    }))

  it.scoped("that do not fit a schema are errors, and the connection works on", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) => Effect.andThen(peer.send("{}\n{\"x\":1}\n"), Effect.never))
      const connection = yield* server.connect()
      const points = Framing.schema(Framing.text(Framing.over(connection, Framing.lines())), Point)
      expect((yield* Effect.flip(points.recv))._tag).toBe(decodingFailure)
      expect(yield* points.recv).toEqual({ x: 1 })
    }))

  it.scoped("that cannot be sent are errors, and nothing was sent", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(Effect.flatMap(peer.recv(), (data) => peer.send(data)))
      )
      const pool = yield* server.pool()
      const answer = yield* pool.use((connection) => {
        const line = Framing.text(Framing.over(connection, Framing.lines()))
        return Effect.flip(line.send("a\nb")).pipe(
          Effect.tap((error) => Effect.sync(() => expect(error._tag).toBe("FramingError"))),
          Effect.andThen(line.send("ok")),
          Effect.andThen(line.recv)
        )
      })
      expect(answer).toBe("ok")
    }))

  it.scoped("end with the stream between two frames, and fail within one", () =>
    Effect.gen(function*() {
      const sending = (all: string) => MemoryServer.make((peer) => peer.send(all))
      const linesOf = (all: string) =>
        Effect.gen(function*() {
          const connection = yield* (yield* sending(all)).connect()
          return yield* result(collect(Framing.over(connection, Framing.lines()).stream))
        })
      const whole = yield* linesOf("one\ntwo\n")
      expect(whole._tag === "Success" && whole.success.map(text)).toEqual(["one", "two"])
      const cut = yield* linesOf("one\ntw")
      expect(cut._tag === "Failure" && cut.failure).toMatchObject({ reason: "EndOfStream", bytesIntoFrame: 2 })
    }))

  it.scoped("that are too large fail the read, and the connection is not lent again", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) => Effect.andThen(peer.recv(), peer.send("x".repeat(100))))
      const pool = yield* server.pool()
      const error = yield* pool.use((connection) => {
        const line = Framing.over(connection, Framing.lines({ maxBytes: 10 }))
        return Effect.andThen(line.send("?"), Effect.flip(line.recv))
      })
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "TooLarge" })
      yield* yieldNow
      expect((yield* pool.stats).closed).toMatchObject({ Discarded: 1 })
    }))

  it.scoped("whose decoder throws are a defect of the reader's, and the connection is not lent again", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) => Effect.andThen(peer.recv(), peer.send("x")))
      const pool = yield* server.pool()
      const decoder = () => ({
        decode: (incoming: ByteBuffer.ByteBuffer): string | undefined => {
          if (incoming.length > 0) throw new Error("the decoder's")
          return undefined
        }
      })
      const exit = yield* pool.use((connection) =>
        Effect.andThen(connection.send("?"), Effect.exit(connection.recvFrame(decoder)))
      )
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("the decoder's")
      yield* yieldNow
      expect((yield* pool.stats).closed).toMatchObject({ Discarded: 1 })
    }))
})
