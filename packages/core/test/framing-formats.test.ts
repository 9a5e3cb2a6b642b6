// Lengths within messages, push parsers, and pipelines.
import { ByteBuffer, type Connection, Framing } from "@socketpool/core"
import { fork, TestClock, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { MemoryServer } from "@socketpool/testing"
import { Effect, Fiber } from "effect"
import { ByteQueue } from "../src/internal/byteQueue.js"
import { pushLines } from "./pushLines.js"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const encoded = (framing: Framing.Framing, frame: Uint8Array): Uint8Array => {
  const whole = framing.encode(frame)
  expect(whole).toBeInstanceOf(Uint8Array)
  return whole as Uint8Array
}

describe("a length within a message", () => {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
  /** Messages as the protocols' own documents show them. */
  it.each<[string, Framing.Framing, string, string]>([
    ["PostgreSQL's Sync", Framing.lengthPrefixed({ bytes: 4, offset: 1, includesItself: true }), "53", "5300000004"],
    ["MySQL's COM_QUIT", Framing.lengthPrefixed({ bytes: 3, order: "little", adjust: 1 }), "0001", "0100000001"],
    ["Modbus/TCP", Framing.lengthPrefixed({ bytes: 2, offset: 4 }), "000100000103006b0003", "0001000000060103006b0003"],
    ["an AMQP heartbeat", Framing.lengthPrefixed({ bytes: 4, offset: 3, adjust: 1 }), "080000ce", "08000000000000ce"],
    ["HTTP/2's SETTINGS", Framing.lengthPrefixed({ bytes: 3, adjust: 6 }), "040000000000", "000000040000000000"]
  ])("is written where the protocol has it: %s", (_, framing, frame, message) => {
    expect(hex(encoded(framing, Buffer.from(frame, "hex")))).toBe(message)
    const decoded = framing.decoder().decode(ByteBuffer.make(Buffer.from(message, "hex")))
    expect(hex(decoded as Uint8Array)).toBe(frame)
  })

  it("that no frame can have is Malformed, and one above the limit TooLarge", () => {
    const framing = Framing.lengthPrefixed({ bytes: 4, offset: 1, includesItself: true, maxBytes: 100 })
    const decode = (length: number) => framing.decoder().decode(ByteBuffer.make(Uint8Array.of(81, 0, 0, 0, length)))
    expect([0, 3, 4, 103, 104, 255].map(decode).map((answer) => answer instanceof Uint8Array ? answer.length : answer))
      .toEqual([Framing.Malformed, Framing.Malformed, 1, undefined, Framing.TooLarge, Framing.TooLarge])
  })

  it("too short for its length is not sent", () => {
    const framing = Framing.lengthPrefixed({ bytes: 3, adjust: 6 })
    expect(framing.encode("five!")).toMatchObject({
      reason: "WrongSize",
      size: 5,
      rule: "frames have at least 6 bytes"
    })
    expect(Framing.lengthPrefixed({ bytes: 1, offset: 4 }).encode("abc")).toMatchObject({ reason: "WrongSize" })
  })

  it("limits a frame to what the field can tell", () => {
    const framing = Framing.lengthPrefixed({ bytes: 1, includesItself: true })
    expect(framing.encode("x".repeat(254))).toBeInstanceOf(Uint8Array)
    expect(framing.encode("x".repeat(255))).toMatchObject({ reason: "TooLarge" })
  })
})

describe("a push parser", () => {
  it("leaves what follows its frame to the next reader, and what has not come to the peer", () => {
    const buffer = ByteBuffer.make(new TextEncoder().encode("one\ntwo\nthr"))
    expect(text(pushLines.decoder().decode(buffer) as Uint8Array)).toBe("one")
    expect(buffer.length).toBe(7)
    expect(text(pushLines.decoder().decode(buffer) as Uint8Array)).toBe("two")
    expect(pushLines.decoder().decode(buffer)).toBeUndefined()
    expect(buffer.length).toBe(3)
  })

  it("is given no byte twice while its frame comes in pieces", () => {
    let given = 0
    const decode = Framing.decoder<string>((emit) => (bytes) => {
      given += bytes.length
      if (bytes.includes(10)) emit("line")
    }, { maxBytes: 1_000_000 })()
    const buffer = new ByteQueue()
    for (let i = 0; i < 100; i++) {
      buffer.push(new Uint8Array(1_000))
      expect(decode.decode(buffer)).toBeUndefined()
    }
    buffer.push(Uint8Array.of(10))
    expect(decode.decode(buffer)).toBe("line")
    expect(given).toBe(100_001)
    expect(buffer.length).toBe(0)
  })

  it("whose frame is longer than maxBytes is TooLarge, and one that gives up is Malformed", () => {
    expect(pushLines.decoder().decode(ByteBuffer.make(new Uint8Array(401)))).toBe(Framing.TooLarge)
    expect(pushLines.decoder().decode(ByteBuffer.make(new Uint8Array(400)))).toBeUndefined()
    const hopeless = Framing.decoder<string>((_, fail) => () => fail())
    expect(hopeless().decode(ByteBuffer.make(Uint8Array.of(1)))).toBe(Framing.Malformed)
  })

  it.scoped("that gives up fails the read with Desync, and the pool closes the connection", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) => Effect.andThen(peer.send("?"), Effect.never))
      const pool = yield* server.pool({ maxConnections: 1 })
      const framing = { ...pushLines, decoder: Framing.decoder<string>((_, fail) => () => fail()) }
      const read = pool.use((connection) => Effect.flip(Framing.over(connection, framing).recv))
      expect(yield* read).toMatchObject({ _tag: "ConnectionError", reason: "Desync" })
      expect(yield* pool.stats).toMatchObject({ idle: 0 })
    }))
})

describe("a pipeline", () => {
  const lines = (connection: Connection) => Framing.text(Framing.over(connection, Framing.lines({ end: "\n" })))

  it.scoped("sends all frames in one go and gives the answers in order", () =>
    Effect.gen(function*() {
      const chunks: Array<string> = []
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(Effect.flatMap(peer.recv(), (bytes) => {
          chunks.push(text(bytes))
          return peer.send(bytes)
        }))
      )
      const pool = yield* server.pool({ maxConnections: 1 })
      const frames = ["one", "two", "three"]
      expect(yield* pool.use((connection) => lines(connection).pipeline(frames))).toEqual(frames)
      expect(chunks.join("")).toBe("one\ntwo\nthree\n")
      expect(yield* pool.use((connection) => lines(connection).pipeline([]))).toEqual([])
      expect(yield* pool.stats).toMatchObject({ idle: 1, opened: 1 })
    }))

  it.scoped("of more than the peer reads before its answers are read does not lock up", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) => {
        const { recv, send } = lines(peer)
        return Effect.forever(Effect.flatMap(recv, (line) => send(line)))
      })
      const pool = yield* server.pool({ maxConnections: 1 })
      const frames = Array.from({ length: 300 }, (_, i) => `${i} ${"x".repeat(1_000)}`)
      expect(yield* pool.use((connection) => lines(connection).pipeline(frames))).toEqual(frames)
      expect(yield* pool.stats).toMatchObject({ idle: 1, opened: 1 })
    }))

  it.scoped("with a frame that cannot be sent sends nothing", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) => Effect.flatMap(peer.recv(), () => Effect.die("sent")))
      const connection = yield* server.connect()
      const error = yield* Effect.flip(lines(connection).pipeline(["one", "t\nwo"]))
      expect(error).toMatchObject({ _tag: "FramingError", reason: "ContainsDelimiter" })
      yield* yieldNow
      expect(yield* server.connections).toBe(1)
    }))

  it.scoped("that is interrupted costs the connection, because answers are on their way", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) =>
        Effect.andThen(peer.recvUntil("\n"), Effect.andThen(peer.send("1\n"), Effect.never))
      )
      const pool = yield* server.pool({ maxConnections: 1 })
      const holder = yield* fork(pool.use((connection) => lines(connection).pipeline(["a", "b"])))
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(holder)
      yield* TestClock.adjust(1)
      expect((yield* pool.stats).closed).toMatchObject({ Discarded: 1 })
    }))
})
