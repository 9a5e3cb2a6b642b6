import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect } from "effect"
import { dial, meanwhile, numbered, setup, until, writeApart } from "./fixtures/proxied.js"

describe("faults of bytes", () => {
  it.scopedLive("latency: delays every chunk and keeps the order", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      yield* proxy.set("toClient", { latency: 60 })
      const { client, peer } = yield* join
      const start = performance.now()
      let first: number | undefined
      client.socket.once("data", () => first = performance.now() - start)
      yield* writeApart(peer.socket, ["a", "b", "c"])
      yield* until("all has come", () => client.text.length === 3)
      expect(first).toBeGreaterThanOrEqual(60)
      expect(client.text).toBe("abc")
    }))

  it.scopedLive("latency: passes on waiting bytes at once when it is removed", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      yield* proxy.set("both", { latency: "1 hour", bandwidth: 0.001 })
      const { client, peer } = yield* join
      client.socket.write("late")
      yield* meanwhile
      expect(peer.text).toBe("")
      yield* proxy.heal
      yield* until("it has come", () => peer.text === "late")
    }))

  it.scopedLive("jitter: delays chunks differently and keeps the order", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      yield* proxy.set("toServer", { jitter: 100, latency: 10 })
      const { client, peer } = yield* join
      const texts = Array.from("abcdefghijklmnopqrst")
      const start = performance.now()
      const arrivals: Array<number> = []
      peer.socket.on("data", () => arrivals.push(performance.now() - start))
      yield* writeApart(client.socket, texts)
      yield* until("all has come", () => peer.text.length === texts.length)
      expect(peer.text).toBe(texts.join(""))
      // A long delay holds back the chunks behind it, and they arrive together.
      expect(arrivals.length).toBeLessThan(texts.length)
      expect(arrivals[0]).toBeGreaterThanOrEqual(10)
    }))

  it.scopedLive("bandwidth: limits the bytes per second", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      yield* proxy.set("toServer", { bandwidth: 20_000 })
      const { client, peer } = yield* join
      const start = performance.now()
      client.socket.write(numbered(4_000))
      yield* until("half has come", () => peer.bytes.length >= 2_000)
      expect(performance.now() - start).toBeGreaterThanOrEqual(100)
      yield* until("all has come", () => peer.bytes.length === 4_000)
      expect(performance.now() - start).toBeGreaterThanOrEqual(200)
      expect(peer.bytes.equals(numbered(4_000))).toBe(true)
    }))

  it.scopedLive("slice: passes on pieces of at most that size", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      yield* proxy.set("toServer", { slice: 5 })
      const { client, peer } = yield* join
      client.socket.write(numbered(203))
      yield* until("all has come", () => peer.bytes.length === 203)
      expect(Math.max(...peer.chunks.map((chunk) => chunk.length))).toBe(5)
      expect(peer.bytes.equals(numbered(203))).toBe(true)
    }))

  it.scopedLive("slice: also slices bytes that arrive before the server is connected", () =>
    Effect.gen(function*() {
      const { proxy, server } = yield* setup
      yield* proxy.set("toServer", { slice: 5 })
      const client = yield* dial(proxy.port)
      client.socket.write(numbered(203))
      yield* until("all has come", () => server.peers[0]?.bytes.length === 203)
      // The server finds several of the first pieces at once: they arrived before it accepted the connection.
      expect(server.peers[0]!.chunks.length).toBeGreaterThan(20)
    }))

  it.scopedLive("merge: passes on the chunks of that time as one", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      const { client, peer } = yield* join
      yield* proxy.set("toClient", { merge: "3 seconds" })
      yield* writeApart(peer.socket, ["a", "b", "c", "d"])
      yield* until("all has come", () => client.text.length === 4)
      expect(client.chunks.map(String)).toEqual(["abcd"])
      yield* proxy.heal
      yield* writeApart(peer.socket, ["e"])
      yield* until("the rest has come", () => client.text === "abcde")
    }))

  it.scopedLive("stall: passes on nothing and holds the sender back until healed, then everything in order", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      const { client, peer } = yield* join
      yield* proxy.set("toServer", { stall: true })
      const sent = numbered(20_000_000)
      client.socket.end(sent)
      peer.socket.write("the other way")
      yield* until("the other direction works", () => client.text === "the other way")
      yield* meanwhile
      expect(peer.chunks).toEqual([])
      expect(client.socket.writableLength).toBeGreaterThan(0)
      yield* proxy.heal
      yield* until("all has come", () => peer.hasEnded)
      expect(peer.bytes.equals(sent)).toBe(true)
    }))

  it.scopedLive("stall: holds the bytes in the proxy, and reads no more", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      const { client, peer } = yield* join
      yield* proxy.set("toServer", { merge: "1 hour" })
      client.socket.write("read ")
      yield* meanwhile
      yield* proxy.set("toServer", { stall: true })
      client.socket.write("not read ")
      yield* meanwhile
      expect(peer.text).toBe("")
      yield* proxy.set("toServer", { duplicate: 1 })
      yield* until("all has come", () => peer.text.length >= 23)
      expect(peer.text).toBe("read not read not read ")
    }))

  it.scopedLive("corrupt: changes one byte of a chunk", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      yield* proxy.set("toServer", { corrupt: 1 })
      const { client, peer } = yield* join
      const sent = numbered(100)
      client.socket.write(sent)
      yield* until("all has come", () => peer.bytes.length === 100)
      expect([...peer.bytes].filter((byte, i) => byte !== sent[i])).toHaveLength(1)
    }))

  it.scopedLive("duplicate: passes on a chunk twice", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      yield* proxy.set("toClient", { duplicate: 1 })
      const { client, peer } = yield* join
      peer.socket.end("ab")
      yield* until("the end has come", () => client.hasEnded)
      expect(client.text).toBe("abab")
    }))

  it.scopedLive("cutAfter: resets both sides after that many bytes", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      const { client, peer } = yield* join
      client.socket.write("before")
      yield* until("it has come", () => peer.text === "before")
      yield* proxy.set("toServer", { cutAfter: 4 })
      client.socket.write("abcdef")
      yield* until("both have closed", () => client.hasClosed && peer.hasClosed)
      expect([peer.text, peer.error, client.error]).toEqual(["beforeabcd", "ECONNRESET", "ECONNRESET"])
      expect(yield* proxy.connections).toBe(0)
    }))

  it.scopedLive("cutAfter: ends both sides in order with cut End", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      yield* proxy.set("toClient", { cutAfter: 4, cut: "End" })
      const { client, peer } = yield* join
      peer.socket.write("abcdef")
      yield* until("both have ended", () => client.hasEnded && peer.hasEnded)
      peer.socket.end("lost")
      client.socket.end("lost")
      yield* until("both have closed", () => client.hasClosed && peer.hasClosed)
      expect([client.text, client.error, peer.text, peer.error]).toEqual(["abcd", undefined, "", undefined])
    }))

  it.scopedLive("cutAfter 0: cuts at once, present and future connections", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      const { client } = yield* join
      yield* proxy.set("toClient", { cutAfter: 0, cut: "End" })
      const next = yield* dial(proxy.port)
      yield* until("both have ended", () => client.hasEnded && next.hasEnded)
      expect([client.error, next.error]).toEqual([undefined, undefined])
    }))
})
