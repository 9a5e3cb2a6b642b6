// Pools of sockets to several servers that do the same.
import { Endpoints } from "@socketpool/core"
import { TcpPool, TlsPool } from "@socketpool/node"
import { hasDies } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Exit } from "effect"
import * as net from "node:net"
import * as tls from "node:tls"
import { ask, named } from "./fixtures/named.js"
import { ca, localhost } from "./fixtures/tlsServer.js"

describe("a pool of endpoints of sockets", () => {
  it.live("lends connections of all that work, and none of one that refuses", () =>
    Effect.scoped(Effect.gen(function*() {
      const one = yield* named(net.createServer, "one")
      const two = yield* named(net.createServer, "two")
      const gone = yield* Effect.scoped(named(net.createServer, "gone"))
      const pool = yield* TcpPool.endpoints({
        endpoints: Endpoints.of(...[one, two, gone].map(({ port }) => ({ host: "127.0.0.1", port }))),
        maxConnections: 4,
        timeout: "5 seconds",
        name: "caches",
        ejectAfter: 1
      })
      expect([pool.name, pool.concurrency]).toEqual(["caches", 1])
      const answers = yield* Effect.forEach(Array.from({ length: 60 }), () => pool.use(ask))
      expect([...new Set(answers)].sort()).toEqual(["one", "two"])
      const states = Object.fromEntries((yield* pool.endpoints).map(({ id, state }) => [id, state]))
      expect(states).toEqual({
        [`127.0.0.1:${one.port}`]: "Up",
        [`127.0.0.1:${two.port}`]: "Up",
        [`127.0.0.1:${gone.port}`]: "Ejected"
      })
      const part = yield* pool.at(`127.0.0.1:${gone.port}`)
      expect(yield* Effect.flip(part.use(ask))).toMatchObject({ _tag: "ConnectError", reason: "Refused" })
    })))

  it.live("asks each server for a proof of the endpoint's name", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* named((serve) => tls.createServer(localhost, serve), "one")
      const endpoint = { host: "127.0.0.1", port: server.port }
      const poolOf = (name: string, servername?: string) =>
        TlsPool.endpoints({
          endpoints: Endpoints.of({ ...endpoint, name }),
          ca,
          timeout: "5 seconds",
          ...(servername === undefined ? {} : { servername })
        })
      expect(yield* (yield* poolOf("localhost")).use(ask)).toBe("one")
      expect(yield* (yield* poolOf("other.example", "localhost")).use(ask)).toBe("one")
      expect(yield* Effect.flip((yield* poolOf("other.example")).use(ask))).toMatchObject({ reason: "Tls" })
    })))

  it.live("refuses wrong options by name", () =>
    Effect.gen(function*() {
      const options: ReadonlyArray<[object, string]> = [
        [{ endpoints: 1 }, "endpoints must be a Stream"],
        [{ endpoints: Endpoints.of({ host: "a", port: 1 }), host: "a" }, "host"],
        [{ endpoints: Endpoints.of({ host: "a", port: 1 }), maxConnections: 0 }, "maxConnections"],
        [{ endpoints: Endpoints.of({ host: "a", port: 1 }), ejectAfter: 0 }, "ejectAfter"]
      ]
      for (const [wrong, text] of options) {
        const exit = yield* Effect.exit(Effect.scoped(TcpPool.endpoints(wrong as any)))
        expect(Exit.isFailure(exit) && hasDies(exit.cause) && Cause.pretty(exit.cause)).toContain(text)
      }
    }))
})
