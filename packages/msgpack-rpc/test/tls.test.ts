// Calls over real TLS on loopback: nobody gets another's reply, whatever becomes of the connection.
import { MsgpackRpc } from "@socketpool/msgpack-rpc"
import { fork, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber, Stream } from "effect"
import { closedBy, turn } from "../../node/test/fixtures/server.js"
import { ca, serveTls } from "../../node/test/fixtures/tlsServer.js"
import { encode, type Peer, speak } from "./fixtures/server.js"
import { storm } from "./fixtures/storm.js"

const calls = 4_000

/** Runs `on` for every message. A reset breaks the connection beneath TLS, which ends it without a goodbye. */
const serve = (on: (message: ReadonlyArray<any>, peer: Peer) => void) =>
  Effect.suspend(() => {
    let sockets: ReadonlySet<{ readonly remotePort?: number | undefined; readonly resetAndDestroy: () => unknown }>
    const server = serveTls((socket) => {
      const { remotePort } = socket
      speak(socket, on, () => {
        for (const raw of sockets) if (raw.remotePort === remotePort) raw.resetAndDestroy()
      })
    })
    return Effect.tap(server, (server) => Effect.sync(() => void (sockets = server.sockets)))
  })

const to = (port: number, options: MsgpackRpc.CommonOptions = {}) =>
  MsgpackRpc.make({ host: "127.0.0.1", port, tls: { ca }, maxConnections: 1, ...options })

const reply = (message: ReadonlyArray<any>): Uint8Array => encode([1, message[1], null, message[3][0]])

describe("over TLS", () => {
  it.scopedLive("calls and notifications go both ways on one verified connection", () =>
    Effect.gen(function*() {
      const received: Array<ReadonlyArray<any>> = []
      const server = yield* serve((message, peer) => {
        received.push(message)
        if (message[0] !== 0) return
        // A call and a notification of its own come in the same record, before the answer.
        peer.write(Buffer.concat([encode([0, 7, "double", [21]]), encode([2, "tick", [1]]), reply(message)]))
      })
      const rpc = yield* to(server.port)
      yield* rpc.handle("double", ([n]) => Effect.succeed((n as number) * 2))
      const ticks = yield* Effect.forkScoped(Stream.runHead(rpc.notifications))
      yield* yieldNow
      yield* rpc.notify("log", ["text"])
      expect(yield* rpc.call("echo", ["mine"])).toBe("mine")
      expect(yield* Fiber.join(ticks)).toMatchObject({ value: { method: "tick", params: [1] } })
      yield* Effect.repeat(turn, { until: () => received.length === 3 })
      expect(received).toEqual([[2, "log", ["text"]], [0, expect.any(Number), "echo", ["mine"]], [1, 7, null, 42]])
      expect([rpc.pool.name, server.secured.size]).toEqual([`tls://127.0.0.1:${server.port}`, 1])
      const unverified = yield* MsgpackRpc.make({ host: "127.0.0.1", port: server.port, tls: true })
      expect(yield* Effect.flip(unverified.call("echo"))).toMatchObject({ _tag: "ConnectError", reason: "Tls" })
    }))

  it.scopedLive("a reset in the middle of a reply fails its call alone, and what had come stays answered", () =>
    Effect.gen(function*() {
      const calls: Array<ReadonlyArray<any>> = []
      const server = yield* serve((message, peer) => {
        // The client has the whole reply, so that it has the half one as well.
        if (message[1] === "got") return peer.reset()
        calls.push(message)
        if (message[3][0] === "next") return peer.write(reply(message))
        if (calls.length < 2) return
        const [first, second] = calls as [ReadonlyArray<any>, ReadonlyArray<any>]
        peer.write(Buffer.concat([reply(first), reply(second).subarray(0, -3)]))
      })
      const rpc = yield* to(server.port)
      const first = yield* fork(rpc.call("echo", ["first"]))
      const second = yield* fork(Effect.flip(rpc.call("echo", ["second"])))
      expect(yield* Fiber.join(first)).toBe("first")
      yield* rpc.notify("got")
      expect(yield* Fiber.join(second)).toMatchObject({ _tag: "ConnectionError", reason: "Reset", sent: "Maybe" })
      expect(yield* rpc.call("echo", ["next"])).toBe("next")
      expect(server.accepted()).toBe(2)
    }))

  it.scopedLive.each([0, 20])(
    "no call gets a foreign reply, while %s connections are reset in the middle of one",
    (resets) =>
      Effect.gen(function*() {
        let answered = 0
        let broken = 0
        const cut = new WeakSet<Peer>()
        const server = yield* serve((message, peer) => {
          // Bytes after half a reply would become its other half.
          const answer = () => cut.has(peer) || peer.write(reply(message))
          if (++answered % 101 === 0 && broken < resets && !cut.has(peer)) {
            broken++
            peer.write(reply(message).subarray(0, -3))
            cut.add(peer)
            setImmediate(() => peer.reset())
          } else if (answered % 3 === 0) setImmediate(() => setImmediate(answer))
          else answer()
        })
        const rpc = yield* to(server.port, { maxConnections: 4 })
        const { failed, foreign, interrupted, right } = yield* storm(rpc, calls)
        expect([foreign, broken]).toEqual([0, resets])
        expect(right + failed + interrupted).toBe(calls)
        expect(interrupted).toBeGreaterThan(calls / 100)
        const closed = yield* closedBy(rpc)
        expect([failed > 0, closed > 0]).toEqual([resets > 0, resets > 0])
        expect(closed).toBeLessThanOrEqual(resets)
      })
  )
})
