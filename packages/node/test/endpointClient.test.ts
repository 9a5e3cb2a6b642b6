// A client whose requests share few connections to several servers, over real sockets; and the probe of raw sockets.
import { Client, type Connection, Endpoints, Framing, Protocol } from "@socketpool/core"
import { TcpConnection, TcpPool } from "@socketpool/node"
import { fork, isOnlyInterrupted, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import * as net from "node:net"
import { listening, totalOf } from "./fixtures/server.js"

/** Answers each line with it and the server's name, or with its role. */
const worker = (name: string, state: { role: number }) =>
  Effect.gen(function*() {
    const seen: Array<string> = []
    const sockets = new Set<net.Socket>()
    const server = yield* listening(net.createServer((socket) => {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => sockets.delete(socket))
      let rest = ""
      socket.on("data", (data) => {
        const lines = (rest + String(data)).split(/\r?\n/)
        rest = lines.pop()!
        for (const line of lines) {
          if (line === "ROLE") socket.write(`${state.role}\n`)
          else {
            seen.push(line)
            socket.write(`${line} of ${name}\n`)
          }
        }
      })
    }))
    return { port: server.port, seen, sockets, state }
  })

const two = Effect.gen(function*() {
  return [yield* worker("one", { role: 0 }), yield* worker("two", { role: 1 })] as const
})

const at = (workers: ReadonlyArray<{ readonly port: number }>) =>
  Endpoints.of(...workers.map(({ port }) => ({ host: "127.0.0.1", port })))

const protocol = Protocol.inOrder({ framing: Framing.strings(Framing.lines()) })

const open = ({ host, port }: { readonly host: string; readonly port: number }) =>
  TcpConnection.open({ host, port, connectTimeout: "5 seconds" })

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)

describe("a client of several servers", () => {
  it.scopedLive("spreads requests, gives each its own answer, and opens few connections", () =>
    Effect.gen(function*() {
      const workers = yield* two
      const client = yield* Client.endpoints({ protocol, open, endpoints: at(workers), maxConnectionsPerEndpoint: 2 })
      const answers = yield* Effect.forEach(numbers(2_000), (i) => client.request(`request ${i}`), { concurrency: 200 })
      expect(answers.map((answer) => answer.replace(/ of .*/, ""))).toEqual(numbers(2_000).map((i) => `request ${i}`))
      expect(workers.map(({ seen }) => seen.length > 500)).toEqual([true, true])
      const stats = yield* client.pool.stats
      expect(stats.opened).toBeLessThanOrEqual(4)
      expect([stats.sessions!.requests, (yield* client.stats).requests]).toEqual([2_000, 2_000])
      expect((yield* client.endpoints).map(({ state }) => state)).toEqual(["Up", "Up"])
      const one = yield* client.at(`127.0.0.1:${workers[0].port}`)
      expect(yield* one.request("hello")).toBe("hello of one")
      expect(yield* one.withExclusive((session) => session.request("alone"))).toBe("alone of one")
    }))

  it.scopedLive("loses no connection by interrupts, and mixes up no answer", () =>
    Effect.gen(function*() {
      const workers = yield* two
      const client = yield* Client.endpoints({
        protocol,
        open,
        endpoints: at(workers),
        maxConnectionsPerEndpoint: 1,
        maxAbandoned: 1_000
      })
      yield* Effect.forEach(numbers(20), (i) => client.request(`first ${i}`), { concurrency: 20 })
      let interrupted = 0
      yield* Effect.forEach(numbers(1_000), (i) =>
        Effect.gen(function*() {
          const fiber = yield* fork(client.request(`request ${i}`))
          for (let turns = i % 7; turns > 0; turns--) yield* yieldNow
          yield* Fiber.interrupt(fiber)
          const exit = yield* Fiber.await(fiber)
          if (Exit.isFailure(exit) && isOnlyInterrupted(exit.cause)) interrupted++
          else expect(Exit.isSuccess(exit) ? exit.value : String(exit)).toMatch(new RegExp(`^request ${i} of `))
        }), { concurrency: 20 })
      expect(interrupted).toBeGreaterThan(100)
      const answers = yield* Effect.forEach(numbers(50), (i) => client.request(`last ${i}`), { concurrency: 50 })
      expect(answers.map((answer) => answer.replace(/ of .*/, ""))).toEqual(numbers(50).map((i) => `last ${i}`))
      const { closed, opened } = yield* client.pool.stats
      expect([opened, totalOf(closed)]).toEqual([2, 0])
    }))

  it.scopedLive("asks for roles on its sessions, and follows them", () =>
    Effect.gen(function*() {
      const workers = yield* two
      const client = yield* Client.endpoints({
        protocol,
        open,
        endpoints: at(workers),
        probe: (session) => Effect.map(session.request("ROLE"), (role) => ({ tier: Number(role) })),
        probeInterval: "50 millis"
      })
      const primary = client.tier(0)
      expect(yield* primary.request("a")).toBe("a of one")
      workers[0].state.role = 1
      workers[1].state.role = 0
      yield* Effect.repeat(Effect.delay(client.endpoints, "5 millis"), {
        until: ([one, two]) => one!.tier === 1 && two!.tier === 0
      })
      expect(yield* primary.request("b")).toBe("b of two")
      expect(yield* client.tier(1).request("c")).toBe("c of one")
    }))

  it.scopedLive("fails only what was sent when a server goes, and sends the rest to the others", () =>
    Effect.gen(function*() {
      const workers = yield* two
      const client = yield* Client.endpoints({ protocol, open, endpoints: at(workers), maxConnectionsPerEndpoint: 1 })
      yield* Effect.forEach(numbers(20), (i) => client.request(`first ${i}`), { concurrency: 20 })
      for (const socket of workers[0].sockets) socket.destroy()
      const exits = yield* Effect.forEach(numbers(100), (i) => Effect.exit(client.request(`next ${i}`)), {
        concurrency: 100
      })
      for (const exit of exits) {
        if (Exit.isFailure(exit)) {
          expect(Cause.squash(exit.cause)).toMatchObject({ _tag: "ConnectionError", sent: "Maybe" })
        }
      }
      const seen = [...workers[0].seen, ...workers[1].seen].filter((line) => line.startsWith("next"))
      expect(new Set(seen).size).toBe(seen.length)
      expect(exits.filter(Exit.isSuccess).length).toBeGreaterThan(40)
    }))
})

describe("a pool of raw sockets to several servers", () => {
  const role = (connection: Connection) =>
    Effect.map(
      Effect.andThen(connection.send("ROLE\n"), connection.recvUntil("\n")),
      (bytes) => ({ tier: Number(new TextDecoder().decode(bytes)) })
    )

  it.scopedLive("asks for roles as a holder would, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const workers = yield* two
      const pool = yield* TcpPool.endpoints({ endpoints: at(workers), probe: role, timeout: "5 seconds" })
      const ask = (connection: Connection) =>
        Effect.map(
          Effect.andThen(connection.send("hello\n"), connection.recvUntil("\n")),
          (bytes) => new TextDecoder().decode(bytes)
        )
      for (let i = 0; i < 5; i++) {
        expect(yield* pool.tier(1).use(ask)).toBe("hello of two\n")
        expect(yield* pool.tier(0).use(ask)).toBe("hello of one\n")
      }
      expect((yield* pool.stats).opened).toBe(2)
    }))

  it.scopedLive("lends nothing where the probe fails, or leaves unread input", () =>
    Effect.gen(function*() {
      const workers = yield* two
      for (
        const [probe, reason] of [
          [() => Effect.fail("no role"), "no role"],
          [
            (connection: Connection) =>
              Effect.as(Effect.andThen(connection.send("a\nb\n"), connection.recvUntil("\n")), { tier: 0 }),
            "ConnectionError"
          ]
        ] as const
      ) {
        const pool = yield* TcpPool.endpoints({
          endpoints: at(workers),
          probe: probe as typeof role,
          acquireTimeout: "5 seconds",
          timeout: "5 seconds"
        })
        const error = yield* Effect.flip(pool.use(() => Effect.die("it was lent")))
        expect(error).toMatchObject({ _tag: "NoEndpointError", reason: "ProbeFailed" })
        expect(String((error as { readonly cause?: unknown }).cause)).toContain(reason)
      }
    }))
})
