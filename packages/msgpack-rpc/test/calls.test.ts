import { MsgpackRpc } from "@socketpool/msgpack-rpc"
import { collect, decodingFailure, forkDaemon, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber, Schema, Stream } from "effect"
import { encode, type Peer, serve } from "./fixtures/server.js"

const to = (port: number, options: MsgpackRpc.CommonOptions = {}) =>
  MsgpackRpc.make({ host: "127.0.0.1", port, maxConnections: 1, ...options })

const echo = (message: ReadonlyArray<any>, peer: Peer) => {
  if (message[0] === 0) peer.send([1, message[1], null, message[3]])
}

describe("a call", () => {
  it.scopedLive("gets its own answer, although answers come in any order", () =>
    Effect.gen(function*() {
      const held: Array<ReadonlyArray<unknown>> = []
      const server = yield* serve((message, peer) => {
        held.push([1, message[1], null, message[3][0]])
        if (held.length === 50) { for (const answer of held.splice(0).reverse()) peer.send(answer) }
      })
      const rpc = yield* to(server.port)
      const answers = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, i) => i),
        (i) => rpc.call("echo", [`value ${i}`]),
        { concurrency: "unbounded" }
      )
      expect(answers).toEqual(Array.from({ length: 50 }, (_, i) => `value ${i}`))
      expect(server.accepted()).toBe(1)
    }))

  it.scopedLive("decodes its result with a schema", () =>
    Effect.gen(function*() {
      const server = yield* serve((message, peer) => peer.send([1, message[1], null, { sum: message[3][0] }]))
      const rpc = yield* to(server.port)
      const schema = Schema.Struct({ sum: Schema.Number })
      expect(yield* rpc.call("sum", [3], { schema })).toEqual({ sum: 3 })
      expect(yield* Effect.flip(rpc.call("sum", ["three"], { schema }))).toMatchObject({ _tag: decodingFailure })
      expect(server.accepted()).toBe(1)
    }))

  for (const error of ["text", false, 0, "", [], { code: 1, data: [null] }]) {
    it.scopedLive(`fails with the server's error as it is: ${JSON.stringify(error)}`, () =>
      Effect.gen(function*() {
        const server = yield* serve((message, peer) => peer.send([1, message[1], error, null]))
        const rpc = yield* to(server.port)
        for (let i = 0; i < 10; i++) {
          expect(yield* Effect.flip(rpc.call("fail"))).toMatchObject({ _tag: "RpcError", method: "fail", error })
        }
        expect(server.accepted()).toBe(1)
      }))
  }

  it.scopedLive("fails alone when its answer has a value that cannot be decoded", () =>
    Effect.gen(function*() {
      const server = yield* serve((message, peer) =>
        // Extension type 100, which nobody has registered.
        message[2] === "unknown"
          ? peer.write(Buffer.concat([Buffer.from([0x94, 1]), encode(message[1]), Buffer.from([0xc0, 0xd4, 100, 1])]))
          : echo(message, peer)
      )
      const rpc = yield* to(server.port)
      expect(yield* Effect.flip(rpc.call("unknown"))).toMatchObject({ _tag: "DecodingError", method: "unknown" })
      expect(yield* rpc.call("echo", [1])).toEqual([1])
      expect(server.accepted()).toBe(1)
    }))

  const junk: Readonly<Record<string, Uint8Array>> = {
    "bytes that are no message": Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"),
    "an answer that nobody waits for": encode([1, 999, null, 1]),
    "an array of five": encode([1, 0, null, 1, 1]),
    "a message of an unknown type": encode([3, 0, "method", []]),
    "a message of type 0.5": encode([0.5, 0, "method", []]),
    "a tag that is a text": encode([1, "0", null, 1]),
    "a tag below 0": encode([1, -1, null, 1]),
    "a method that is a number": encode([0, 1, 2, []]),
    "params that are a map": encode([2, "method", {}]),
    "a message that is too large": Buffer.from([0x94, 1, 0, 0xc0, 0xdb, 255, 255, 255, 255]),
    "a message that is too deep": Buffer.concat([Buffer.from([0x94, 1, 0, 0xc0]), Buffer.alloc(64, 0x91)])
  }
  for (const [name, bytes] of Object.entries(junk)) {
    it.scopedLive(`fails, and costs the connection, when the server sends ${name}`, () =>
      Effect.gen(function*() {
        const server = yield* serve((message, peer) => message[2] === "junk" ? peer.write(bytes) : echo(message, peer))
        const rpc = yield* to(server.port)
        const error = yield* Effect.flip(rpc.call("junk"))
        const reason = name.endsWith("too large") ? "TooLarge" : "Desync"
        expect(error).toMatchObject({ _tag: "ConnectionError", reason, sent: "Maybe" })
        expect(yield* rpc.call("echo", [1])).toEqual([1])
        expect(server.accepted()).toBe(2)
      }))
  }

  it.scopedLive("fails when the connection is reset, and the next one gets another connection", () =>
    Effect.gen(function*() {
      const server = yield* serve((message, peer) => message[2] === "die" ? peer.reset() : echo(message, peer))
      const rpc = yield* to(server.port)
      expect(yield* Effect.flip(rpc.call("die"))).toMatchObject({ _tag: "ConnectionError", sent: "Maybe" })
      expect(yield* rpc.call("echo", [1])).toEqual([1])
    }))

  it.scopedLive("that times out costs no connection, and its late answer is dropped", () =>
    Effect.gen(function*() {
      let late = () => {}
      const server = yield* serve((message, peer) => {
        if (message[2] === "slow") late = () => peer.send([1, message[1], null, "late"])
        else {
          late()
          echo(message, peer)
        }
      })
      const rpc = yield* to(server.port)
      // The open may take longer than the timeout.
      yield* rpc.call("echo")
      const error = yield* Effect.flip(rpc.call("slow", [], { timeout: "20 millis" }))
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Timeout", sent: "Maybe" })
      expect(yield* rpc.call("echo", ["mine"])).toEqual(["mine"])
      expect(yield* rpc.stats).toMatchObject({ abandoned: 1, tombstones: 0 })
      expect(server.accepted()).toBe(1)
    }))

  it.scopedLive("that is too large is not sent", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const rpc = yield* to(server.port, { maxBytes: 1_000 })
      const error = yield* Effect.flip(rpc.call("echo", ["x".repeat(2_000)]))
      expect(error).toMatchObject({ _tag: "FramingError", reason: "TooLarge" })
      expect(yield* rpc.call("echo", [1])).toEqual([1])
      expect(server.received.length).toBe(1)
    }))

  it.scopedLive("that the server never answers fails after stallTimeout", () =>
    Effect.gen(function*() {
      const server = yield* serve(() => {})
      const rpc = yield* to(server.port, { stallTimeout: "50 millis" })
      expect(yield* Effect.flip(rpc.call("silence"))).toMatchObject({ _tag: "ConnectionError", reason: "Timeout" })
      expect(yield* rpc.stats).toMatchObject({ stalls: 1 })
    }))
})

describe("a notification", () => {
  it.scopedLive("is sent, and nothing answers it", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const rpc = yield* to(server.port)
      yield* rpc.notify("log", ["text", 1])
      yield* rpc.call("echo")
      expect(server.received[0]).toEqual([2, "log", ["text", 1]])
    }))

  it.scopedLive("of the server reaches every subscriber, also as one of thousands in one write", () =>
    Effect.gen(function*() {
      const count = 5_000
      const server = yield* serve((message, peer) => {
        peer.write(Buffer.concat(Array.from({ length: count }, (_, i) => encode([2, "tick", [i]]))))
        echo(message, peer)
      })
      const rpc = yield* to(server.port)
      const subscriber = collect(Stream.take(rpc.notifications, count))
      const fibers = yield* Effect.forEach([1, 2], () => Effect.forkScoped(subscriber))
      yield* yieldNow
      yield* rpc.call("start")
      for (const fiber of fibers) {
        const all = [...yield* Fiber.join(fiber)]
        expect(all.map(({ params }) => params[0])).toEqual(Array.from({ length: count }, (_, i) => i))
        expect(all[0]!.method).toBe("tick")
      }
    }))

  it.scopedLive("stream ends when the client closes", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const fiber = yield* Effect.scoped(Effect.gen(function*() {
        const rpc = yield* to(server.port)
        const fiber = yield* forkDaemon(Stream.runCount(rpc.notifications))
        yield* rpc.call("echo")
        return fiber
      }))
      expect(yield* Fiber.join(fiber)).toBe(0)
    }))
})
