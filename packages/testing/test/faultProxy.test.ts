import { provideScope } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { FaultProxy } from "@socketpool/testing"
import { Cause, Effect, Exit, Scope } from "effect"
import { dial, meanwhile, numbered, serve, setup, until } from "./fixtures/proxied.js"

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

describe("a proxy", () => {
  it.live("leaves no socket and no timer behind when its scope closes", () =>
    Effect.gen(function*() {
      const resources = () => process.getActiveResourcesInfo().filter((name) => /TCP|Timeout|Immediate/.test(name))
      const before = resources().length
      const scope = yield* Scope.make()
      const { join, proxy, server } = yield* provideScope(setup, scope)
      const pairs = [yield* provideScope(join, scope), yield* provideScope(join, scope)]
      yield* proxy.set("both", { latency: "1 hour", bandwidth: 1 })
      for (const { client, peer } of pairs) {
        client.socket.write("waits")
        peer.socket.write("waits")
      }
      yield* meanwhile
      yield* proxy.welcome("Ignore")
      const ignored = yield* provideScope(dial(proxy.port), scope)
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
      const proxy = yield* provideScope(
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
    [{ merge: "13 days" }, "merge must be a duration of at least 0 and less than 12 days, but is \"13 days\""],
    [{ cut: "Off" as "End" }, "cut must be \"Reset\" or \"End\", but is \"Off\""]
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
          [{ target: { ...target, host: "" } }, "target.host must be a string that is not empty, but is \"\""],
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
