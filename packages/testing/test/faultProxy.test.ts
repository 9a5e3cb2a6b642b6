import { describe, expect, it } from "@effect/vitest"
import { FaultProxy } from "@socketpool/testing"
import { Cause, Effect, Exit, Scope } from "effect"
import * as net from "node:net"

/** Records what one side of a connection sees. */
class Seen {
  readonly chunks: Array<Buffer> = []
  hasEnded = false
  hasClosed = false
  error: string | undefined = undefined

  constructor(readonly socket: net.Socket) {
    socket.on("data", (chunk) => this.chunks.push(chunk))
    socket.on("end", () => this.hasEnded = true)
    socket.on("error", (error: NodeJS.ErrnoException) => this.error = error.code)
    socket.on("close", () => this.hasClosed = true)
  }

  get bytes() {
    return Buffer.concat(this.chunks)
  }
  get text() {
    return this.bytes.toString("latin1")
  }
}

const until = (what: string, happened: () => boolean) =>
  Effect.promise(async () => {
    const giveUp = performance.now() + 10_000
    while (!happened()) {
      if (performance.now() > giveUp) throw new Error(`it never happened that ${what}`)
      await new Promise((next) => setTimeout(next, 1))
    }
  })

/** Waits long enough for unwanted events to happen. */
const meanwhile = Effect.promise(() => new Promise((next) => setTimeout(next, 40)))

const serve = Effect.acquireRelease(
  Effect.promise(async () => {
    const peers: Array<Seen> = []
    const server = net.createServer({ allowHalfOpen: true }, (socket) => peers.push(new Seen(socket)))
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
    return { server, peers, port: (server.address() as net.AddressInfo).port }
  }),
  ({ peers, server }) =>
    Effect.promise(() =>
      new Promise<void>((done) => {
        server.close(() => done())
        for (const { socket } of peers) socket.destroy()
      })
    )
)

const dial = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => new Seen(net.connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true }))),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const setup = Effect.gen(function*() {
  const server = yield* serve
  const proxy = yield* FaultProxy.make({ target: { host: "127.0.0.1", port: server.port }, seed: 7 })
  /** Connects a client. Returns it with its peer at the server. */
  const join = Effect.gen(function*() {
    const before = server.peers.length
    const client = yield* dial(proxy.port)
    yield* until("the server accepts", () => server.peers.length > before)
    yield* until("the client is connected", () => !client.socket.connecting)
    return { client, peer: server.peers.at(-1)! }
  })
  return { server, proxy, join }
})

const numbered = (size: number) => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 255))

const writeApart = (socket: net.Socket, texts: ReadonlyArray<string>) =>
  Effect.promise(async () => {
    for (const text of texts) {
      socket.write(text)
      await new Promise((next) => setTimeout(next, 5))
    }
  })

describe("a proxy without faults", () => {
  it.scopedLive("passes on the bytes of both sides, and counts connections", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      const { client, peer } = yield* join
      const sent = numbered(1_000_000)
      client.socket.write(sent)
      peer.socket.write("hello")
      yield* until("all has come", () => peer.bytes.length === sent.length && client.text === "hello")
      expect(peer.bytes.equals(sent)).toBe(true)
      yield* join
      expect([yield* proxy.connections, yield* proxy.accepted]).toEqual([2, 2])
      client.socket.resetAndDestroy()
      yield* until("the reset has been passed on", () => peer.hasClosed)
      expect([yield* proxy.connections, yield* proxy.accepted]).toEqual([1, 2])
    }))

  it.scopedLive("passes on an end after all earlier bytes, and keeps the other direction open", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      const { client, peer } = yield* join
      yield* proxy.set("toServer", { latency: "20 millis", slice: 3 })
      client.socket.end("the last words")
      yield* until("the end has come", () => peer.hasEnded)
      expect(peer.text).toBe("the last words")
      peer.socket.end("answer")
      yield* until("both have closed", () => client.hasClosed && peer.hasClosed)
      expect([client.text, client.error, peer.error]).toEqual(["answer", undefined, undefined])
      yield* until("the proxy has forgotten it", () => Effect.runSync(proxy.connections) === 0)
    }))

  it.scopedLive("passes on a reset in both directions", () =>
    Effect.gen(function*() {
      const { join } = yield* setup
      const one = yield* join
      one.client.socket.resetAndDestroy()
      yield* until("the server sees it", () => one.peer.hasClosed)
      expect(one.peer.error).toBe("ECONNRESET")
      const other = yield* join
      other.peer.socket.resetAndDestroy()
      yield* until("the client sees it", () => other.client.hasClosed)
      expect(other.client.error).toBe("ECONNRESET")
    }))

  it.scopedLive("resets a client whose server cannot be reached", () =>
    Effect.gen(function*() {
      const gone = yield* Effect.scoped(serve)
      const proxy = yield* FaultProxy.make({ target: { host: "127.0.0.1", port: gone.port } })
      const client = yield* dial(proxy.port)
      yield* until("the client is reset", () => client.hasClosed)
      expect(client.error).toBe("ECONNRESET")
    }))

  it.scopedLive("slows the sender down when the receiver does not read", () =>
    Effect.gen(function*() {
      const { join } = yield* setup
      const { client, peer } = yield* join
      peer.socket.pause()
      const chunk = numbered(65_536)
      const total = chunk.length * 640
      let written = 0
      const write = () => {
        while (written < total) {
          written += chunk.length
          if (!client.socket.write(chunk)) return
        }
      }
      client.socket.on("drain", write)
      write()
      let before = -1
      while (before !== written) {
        before = written
        yield* meanwhile
        yield* meanwhile
      }
      expect(written).toBeLessThan(total)
      peer.socket.resume()
      yield* until("all has come", () => peer.socket.bytesRead === total)
      expect(peer.bytes.equals(Buffer.concat(Array.from({ length: 640 }, () => chunk)))).toBe(true)
    }))
})

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
      yield* proxy.set("toClient", { merge: 300 })
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
      const healed = yield* Effect.fork(proxy.heal)
      yield* meanwhile
      expect(healed.unsafePoll()).toBeNull()
      squatter.close()
      yield* healed
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

describe("a proxy", () => {
  it.live("leaves no socket and no timer behind when its scope closes", () =>
    Effect.gen(function*() {
      const resources = () => process.getActiveResourcesInfo().filter((name) => /TCP|Timeout|Immediate/.test(name))
      const before = resources().length
      const scope = yield* Scope.make()
      const { join, proxy, server } = yield* Scope.extend(setup, scope)
      const pairs = [yield* Scope.extend(join, scope), yield* Scope.extend(join, scope)]
      yield* proxy.set("both", { latency: "1 hour", bandwidth: 1 })
      for (const { client, peer } of pairs) {
        client.socket.write("waits")
        peer.socket.write("waits")
      }
      yield* meanwhile
      yield* proxy.welcome("Ignore")
      const ignored = yield* Scope.extend(dial(proxy.port), scope)
      yield* until("it is ignored", () => Effect.runSync(proxy.connections) === 3)
      yield* Scope.close(scope, Exit.void)
      const all = [...pairs.flatMap(({ client, peer }) => [client, peer]), ignored]
      yield* until("all have closed", () => all.every((seen) => seen.hasClosed))
      expect(server.server.listening).toBe(false)
      expect(resources().length).toBeLessThanOrEqual(before)
      const late = yield* Effect.scoped(Effect.tap(dial(proxy.port), (late) => until("refused", () => late.hasClosed)))
      expect(late.error).toBe("ECONNREFUSED")
    }))

  it.scopedLive("resets its connections when its scope closes", () =>
    Effect.gen(function*() {
      const server = yield* serve
      const scope = yield* Scope.make()
      const proxy = yield* Scope.extend(
        FaultProxy.make({ target: { host: "127.0.0.1", port: server.port } }),
        scope
      )
      const client = yield* dial(proxy.port)
      yield* until("the server accepts", () => server.peers.length === 1)
      yield* Scope.close(scope, Exit.void)
      yield* until("both have closed", () => client.hasClosed && server.peers[0]!.hasClosed)
      expect([client.error, server.peers[0]!.error]).toEqual(["ECONNRESET", "ECONNRESET"])
    }))

  const wrong: ReadonlyArray<readonly [FaultProxy.Faults, string]> = [
    [{ bandwidth: 0 }, "bandwidth must be more than 0, but is 0"],
    [{ bandwidth: NaN }, "bandwidth must be more than 0, but is NaN"],
    [{ slice: 0 }, "slice must be a whole number of at least 1, but is 0"],
    [{ slice: 1.5 }, "slice must be a whole number of at least 1, but is 1.5"],
    [{ corrupt: 1.1 }, "corrupt must be a probability from 0 to 1, but is 1.1"],
    [{ duplicate: -1 }, "duplicate must be a probability from 0 to 1, but is -1"],
    [{ cutAfter: -1 }, "cutAfter must be a whole number of at least 0, but is -1"],
    [{ latency: -1 }, "latency must be a duration of at least 0 and less than 12 days, but is -1"],
    [{ jitter: Infinity }, "jitter must be a duration of at least 0 and less than 12 days, but is Infinity"],
    [{ merge: "13 days" }, "merge must be a duration of at least 0 and less than 12 days, but is 13 days"],
    [{ cut: "Off" as "End" }, "cut must be \"Reset\" or \"End\", but is Off"]
  ]
  it.scopedLive("makes invalid faults a defect, and keeps the present ones", () =>
    Effect.gen(function*() {
      const { join, proxy } = yield* setup
      yield* proxy.set("toClient", { duplicate: 1 })
      for (const [faults, message] of wrong) {
        const cause = yield* Effect.flip(Effect.sandbox(proxy.set("both", faults)))
        expect(Cause.squash(cause)).toEqual(new RangeError(`FaultProxy: ${message}`))
      }
      const { client, peer } = yield* join
      peer.socket.write("ab")
      yield* until("it has come twice", () => client.text === "abab")
    }))

  it.scopedLive("makes invalid options a defect", () =>
    Effect.gen(function*() {
      const target = { host: "127.0.0.1", port: 1 }
      for (
        const [options, message] of [
          [{ target: { ...target, port: 0 } }, "target.port must be a whole number from 1 to 65535, but is 0"],
          [{ target: { ...target, host: "" } }, "target.host must be a string, not empty, but is "],
          [{ target, seed: 0.5 }, /^FaultProxy: seed must be a whole number .*, but is 0.5$/]
        ] as const
      ) {
        const cause = yield* Effect.flip(Effect.sandbox(FaultProxy.make(options)))
        const problem = Cause.squash(cause) as RangeError
        expect(problem).toBeInstanceOf(RangeError)
        expect(problem.message).toMatch(message)
      }
    }))
})
