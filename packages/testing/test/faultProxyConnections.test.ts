import { exitOf, fork } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber } from "effect"
import * as net from "node:net"
import { dial, meanwhile, setup, until } from "./fixtures/proxied.js"

describe("faults of connections", () => {
  it.scopedLive("reset: every client sees ECONNRESET, and so does the server", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      const pairs = [yield* join, yield* join]
      expect(yield* proxy.reset).toBe(2)
      yield* until("all have closed", () => pairs.every(({ client, peer }) => client.hasClosed && peer.hasClosed))
      expect(pairs.map(({ client, peer }) => [client.error, peer.error])).toEqual([
        ["ECONNRESET", "ECONNRESET"],
        ["ECONNRESET", "ECONNRESET"]
      ])
      expect(yield* proxy.reset).toBe(0)
    }))

  it.scopedLive("end: every client sees an end without error, and may still send", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      const { client, peer } = yield* join
      expect(yield* proxy.end).toBe(1)
      yield* until("the client sees it", () => client.hasEnded)
      peer.socket.write("lost")
      yield* meanwhile
      client.socket.end("goodbye")
      yield* until("the server sees the client's", () => peer.hasEnded)
      peer.socket.end()
      yield* until("both have closed", () => client.hasClosed && peer.hasClosed)
      expect([client.text, client.error, peer.text, peer.error]).toEqual(["", undefined, "goodbye", undefined])
      expect(yield* proxy.end).toBe(0)
    }))

  it.scopedLive("inject: every client receives bytes that no server sent", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      const pairs = [yield* join, yield* join]
      expect(yield* proxy.inject("boo")).toBe(2)
      expect(yield* proxy.inject(Uint8Array.of(33))).toBe(2)
      yield* until("all see it", () => pairs.every(({ client }) => client.text === "boo!"))
      yield* proxy.end
      expect(yield* proxy.inject("too late")).toBe(0)
    }))

  it.scopedLive("Refuse: clients see ECONNREFUSED, present connections stay, and the same port works again", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      const present = yield* join
      yield* proxy.welcome("Refuse")
      yield* proxy.welcome("Refuse")
      const refused = yield* dial(proxy.port)
      yield* until("it is refused", () => refused.hasClosed)
      expect(refused.error).toBe("ECONNREFUSED")
      present.client.socket.write("still here")
      yield* until("it has come", () => present.peer.text === "still here")
      yield* proxy.heal
      const later = yield* join
      later.client.socket.write("again")
      yield* until("it has come", () => later.peer.text === "again")
      expect(yield* proxy.accepted).toBe(2)
    }))

  it.scopedLive("Refuse: waits while another process holds the port", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      yield* proxy.welcome("Refuse")
      const squatter = net.createServer()
      yield* Effect.promise(() => new Promise<void>((done) => squatter.listen(proxy.port, "127.0.0.1", done)))
      const healed = yield* fork(proxy.heal)
      yield* meanwhile
      expect(exitOf(healed)).toBeUndefined()
      squatter.close()
      yield* Fiber.join(healed)
      yield* join
    }))

  it.scopedLive("Reset: accepts and resets at once", () =>
    Effect.gen(function*() {
      const { join, proxy, server } = yield* setup
      yield* proxy.welcome("Reset")
      const client = yield* dial(proxy.port)
      yield* until("it is reset", () => client.hasClosed)
      expect([client.error, server.peers.length, yield* proxy.accepted]).toEqual(["ECONNRESET", 0, 1])
      yield* proxy.welcome("Accept")
      yield* join
    }))

  it.scopedLive("Ignore: accepts, never answers, and does not connect to the server", () =>
    Effect.gen(function*() {
      const { proxy, server } = yield* setup
      yield* proxy.welcome("Ignore")
      const client = yield* dial(proxy.port)
      client.socket.write("anybody?")
      yield* until("it has been accepted", () => Effect.runSync(proxy.connections) === 1)
      yield* meanwhile
      expect([client.text, client.hasEnded, client.hasClosed, server.peers.length]).toEqual(["", false, false, 0])
      client.socket.destroy()
      yield* until("the proxy has forgotten it", () => Effect.runSync(proxy.connections) === 0)
    }))
})
