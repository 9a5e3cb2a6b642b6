// Real sockets on loopback.
import { describe, expect, it } from "@effect/vitest"
import { FaultProxy } from "@socketpool/testing"
import { Cause, Effect, Exit } from "effect"
import * as net from "node:net"

/** A server that keeps the chunks it gets and sends them back, on a random port. */
const startServer = Effect.acquireRelease(
  Effect.promise(async () => {
    const sockets: Array<net.Socket> = []
    const chunks: Array<string> = []
    const ends: Array<string> = []
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      sockets.push(socket)
      socket.on("data", (chunk) => {
        chunks.push(chunk.toString("latin1"))
        socket.write(chunk)
      })
      socket.on("end", () => ends.push("end"))
      socket.on("error", (error: NodeJS.ErrnoException) => ends.push(String(error.code)))
    })
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
    return { server, sockets, chunks, ends, port: (server.address() as net.AddressInfo).port }
  }),
  ({ server, sockets }) =>
    Effect.promise(() => {
      for (const socket of sockets) socket.destroy()
      return new Promise<void>((done) => void server.close(() => done()))
    })
)

/** A client that keeps what happens to it. */
const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = net.connect({ host: "127.0.0.1", port, noDelay: true, allowHalfOpen: true })
      const seen = { got: "", chunks: [] as Array<string>, end: "" }
      socket.on("data", (chunk) => {
        seen.got += chunk.toString("latin1")
        seen.chunks.push(chunk.toString("latin1"))
      })
      socket.on("end", () => seen.end ||= "end")
      socket.on("error", (error: NodeJS.ErrnoException) => seen.end ||= String(error.code))
      return { socket, seen }
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const eventually = (what: string, happened: () => boolean) =>
  Effect.promise(async () => {
    const giveUp = Date.now() + 10_000
    while (!happened()) {
      if (Date.now() > giveUp) throw new Error(`it never happened that ${what}`)
      await new Promise((next) => setTimeout(next, 1))
    }
  })

const setUp = Effect.gen(function*() {
  const server = yield* startServer
  const proxy = yield* FaultProxy.make({ host: "127.0.0.1", port: server.port })
  const client = yield* connect(proxy.port)
  client.socket.write("hello")
  yield* eventually("the echo comes", () => client.seen.got === "hello")
  client.seen.got = ""
  client.seen.chunks.length = 0
  server.chunks.length = 0
  return { server, proxy, ...client }
})

const letters = (length: number) => Array.from({ length }, (_, i) => String.fromCharCode(97 + i % 26)).join("")

describe("the proxy", () => {
  it.scopedLive("passes on what comes, both ways and whole, and each side's end", () =>
    Effect.gen(function*() {
      const { proxy, seen, server, socket } = yield* setUp
      const all = letters(1_000_000)
      socket.end(all)
      yield* eventually("everything has come back", () => seen.got.length === all.length)
      expect(seen.got).toBe(all)
      yield* eventually("the server has heard the end", () => server.ends.length === 1)
      expect([server.ends, seen.end]).toEqual([["end"], ""])
      server.sockets[0]!.end()
      yield* eventually("the client has heard the end", () => seen.end !== "")
      expect(seen.end).toBe("end")
      for (let left = 1; left > 0;) left = yield* proxy.connections
    }))

  it.scopedLive("passes on a server's reset and a client's", () =>
    Effect.gen(function*() {
      const one = yield* setUp
      one.server.sockets[0]!.resetAndDestroy()
      yield* eventually("the client knows", () => one.seen.end !== "")
      expect(one.seen.end).toBe("ECONNRESET")
      const two = yield* setUp
      two.socket.resetAndDestroy()
      yield* eventually("the server knows", () => two.server.ends.length === 1)
      expect(two.server.ends).toEqual(["ECONNRESET"])
    }))

  it.scopedLive("resets a client whose server cannot be reached", () =>
    Effect.gen(function*() {
      const server = yield* Effect.scoped(startServer)
      const proxy = yield* FaultProxy.make({ host: "127.0.0.1", port: server.port })
      const { seen } = yield* connect(proxy.port)
      yield* eventually("the client knows", () => seen.end !== "")
      expect(seen.end).toBe("ECONNRESET")
    }))

  it.scopedLive("holds a sender back while the other side does not read", () =>
    Effect.gen(function*() {
      const { seen, server, socket } = yield* setUp
      server.sockets[0]!.pause()
      let accepted = 0
      const flood = () => {
        while (accepted < 300 && socket.write(new Uint8Array(1_000_000))) accepted++
      }
      socket.on("drain", flood)
      flood()
      // The kernel's buffers and the proxy's fill up, and then it is over.
      let before = -1
      while (before !== accepted) {
        before = accepted
        yield* Effect.sleep("300 millis")
      }
      expect(accepted).toBeLessThan(300)
      expect(seen.end).toBe("")
    }), 30_000)
})

describe("a fault", () => {
  it.scopedLive("latency holds everything back for so long", () =>
    Effect.gen(function*() {
      const { proxy, seen, socket } = yield* setUp
      yield* proxy.set("ToClient", { latency: "50 millis", jitter: "20 millis" })
      const start = performance.now()
      for (const part of ["one ", "two ", "three"]) socket.write(part)
      yield* eventually("everything has come", () => seen.got.length === 13)
      expect(performance.now() - start).toBeGreaterThanOrEqual(50)
      expect(seen.got).toBe("one two three")
    }))

  it.scopedLive("bytesPerSecond limits how fast it goes", () =>
    Effect.gen(function*() {
      const { proxy, seen, server, socket } = yield* setUp
      yield* proxy.set("ToServer", { bytesPerSecond: 100_000, slice: 1_000 })
      const start = performance.now()
      socket.write(letters(20_000))
      yield* eventually("everything has come", () => seen.got.length === 20_000)
      // All but the last piece have been paid for.
      expect(performance.now() - start).toBeGreaterThanOrEqual(180)
      expect(server.chunks.join("")).toBe(letters(20_000))
    }))

  it.scopedLive("slice splits writes into pieces", () =>
    Effect.gen(function*() {
      const { proxy, server, socket } = yield* setUp
      yield* proxy.set("ToServer", { slice: 3 })
      socket.write(letters(100))
      yield* eventually("everything has come", () => server.chunks.join("").length === 100)
      expect(server.chunks.join("")).toBe(letters(100))
      expect(server.chunks.length).toBeGreaterThan(10)
    }))

  it.scopedLive("merge makes one write of several", () =>
    Effect.gen(function*() {
      const { proxy, server, socket } = yield* setUp
      yield* proxy.set("ToServer", { merge: "100 millis" })
      for (const letter of letters(10)) {
        socket.write(letter)
        yield* Effect.promise(() => new Promise((next) => setImmediate(next)))
      }
      yield* eventually("everything has come", () => server.chunks.join("").length === 10)
      expect(server.chunks).toEqual([letters(10)])
    }))

  it.scopedLive("stall lets nothing through until it is over, and then everything in order", () =>
    Effect.gen(function*() {
      const { proxy, seen, server, socket } = yield* setUp
      yield* proxy.set("Both", { stall: true })
      socket.write("one ")
      socket.write("two")
      yield* Effect.sleep("50 millis")
      expect([server.chunks, seen.got]).toEqual([[], ""])
      yield* proxy.heal
      yield* eventually("everything has come", () => seen.got === "one two")
    }))

  it.scopedLive("corrupt flips one bit", () =>
    Effect.gen(function*() {
      const { proxy, server, socket } = yield* setUp
      yield* proxy.set("ToServer", { corrupt: 1 })
      socket.write(letters(20))
      yield* eventually("everything has come", () => server.chunks.join("").length === 20)
      const wrong = [...server.chunks.join("")].flatMap((letter, i) => {
        const flipped = letter.charCodeAt(0) ^ letters(20).charCodeAt(i)
        return flipped === 0 ? [] : [Math.log2(flipped) % 1]
      })
      expect(wrong).toEqual([0])
    }))

  it.scopedLive("duplicate sends it twice", () =>
    Effect.gen(function*() {
      const { proxy, seen, socket } = yield* setUp
      yield* proxy.set("ToClient", { duplicate: 1 })
      socket.write("again ")
      yield* eventually("it has come twice", () => seen.got === "again again ")
    }))

  it.scopedLive("cutAfter resets or ends the connection after so many bytes", () =>
    Effect.gen(function*() {
      for (const cut of ["Reset", "End"] as const) {
        const { proxy, seen, socket } = yield* setUp
        yield* proxy.set("ToClient", { cutAfter: 10, cut })
        socket.write(letters(26))
        yield* eventually("the client knows", () => seen.end !== "")
        // A reset may overtake what was sent before it.
        expect(letters(10).startsWith(seen.got)).toBe(true)
        expect([cut, seen.end, cut === "Reset" || seen.got.length === 10])
          .toEqual([cut, cut === "Reset" ? "ECONNRESET" : "end", true])
      }
    }))

  it.scopedLive("reset, end and inject reach every client", () =>
    Effect.gen(function*() {
      const { proxy, seen, server, socket } = yield* setUp
      expect(yield* proxy.inject("garbage")).toBe(1)
      yield* eventually("the client has it", () => seen.got === "garbage")
      expect(server.chunks).toEqual([])
      expect(yield* proxy.end).toBe(1)
      yield* eventually("the client knows", () => seen.end === "end")
      // Only that one direction has ended.
      socket.write("still")
      yield* eventually("the server has it", () => server.chunks.join("") === "still")
      expect(yield* proxy.reset).toBe(1)
      yield* eventually("the server knows", () => server.ends.length === 1)
      expect([server.ends, yield* proxy.accepted]).toEqual([["ECONNRESET"], 1])
    }))
})

describe("welcome", () => {
  it.scopedLive("refuses, resets or ignores those who connect, until it is healed", () =>
    Effect.gen(function*() {
      const { proxy, seen: old, socket } = yield* setUp
      yield* proxy.welcome("Refuse")
      const refused = yield* connect(proxy.port)
      yield* eventually("it is refused", () => refused.seen.end !== "")
      expect(refused.seen.end).toBe("ECONNREFUSED")
      // Those who are there stay.
      socket.write("x")
      yield* eventually("the echo comes", () => old.got === "x")

      yield* proxy.welcome("Reset")
      const reset = yield* connect(proxy.port)
      yield* eventually("it is reset", () => reset.seen.end !== "")
      expect(reset.seen.end).toBe("ECONNRESET")

      yield* proxy.welcome("Ignore")
      const ignored = yield* connect(proxy.port)
      ignored.socket.write("x")
      yield* Effect.sleep("50 millis")
      expect([ignored.seen.got, ignored.seen.end]).toEqual(["", ""])

      yield* proxy.heal
      const healed = yield* connect(proxy.port)
      healed.socket.write("x")
      yield* eventually("the echo comes", () => healed.seen.got === "x")
    }))
})

describe("the end of the scope", () => {
  it.live("leaves no socket, no listener and no timer", () =>
    Effect.gen(function*() {
      const ofTcp = () => process.getActiveResourcesInfo().filter((kind) => kind.startsWith("TCP")).length
      const before = ofTcp()
      yield* Effect.scoped(Effect.gen(function*() {
        const { proxy, socket } = yield* setUp
        yield* proxy.set("Both", { latency: "1 hour" })
        socket.write("never")
        yield* Effect.sleep("10 millis")
      }))
      yield* eventually("everything has gone", () => ofTcp() <= before)
    }))
})

describe("wrong faults", () => {
  it.scopedLive.each<readonly [string, FaultProxy.Faults]>([
    ["corrupt must be from 0 to 1, but is 2", { corrupt: 2 }],
    ["duplicate must be from 0 to 1, but is -1", { duplicate: -1 }],
    ["slice must be a whole number of at least 1, but is 0", { slice: 0 }],
    ["bytesPerSecond must be more than 0, but is 0", { bytesPerSecond: 0 }],
    ["cutAfter must be a whole number of at least 0, but is 1.5", { cutAfter: 1.5 }],
    ["latency must be a finite duration, but is soon", { latency: "soon" as "1 second" }]
  ])("are a defect: %s", ([message, faults]) =>
    Effect.gen(function*() {
      const proxy = yield* FaultProxy.make({ host: "127.0.0.1", port: 1 })
      const exit = yield* Effect.exit(proxy.set("Both", faults))
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain(`FaultProxy: ${message}`)
    }))
})
