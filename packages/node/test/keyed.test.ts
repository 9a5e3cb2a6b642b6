// Pools of sockets by server, under one limit.
import type { KeyedPool } from "@socketpool/core"
import { type Peer, TcpPool, TlsPool } from "@socketpool/node"
import { hasDies } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Exit, type Scope } from "effect"
import * as net from "node:net"
import * as tls from "node:tls"
import { ask, named } from "./fixtures/named.js"
import { totalOf } from "./fixtures/server.js"
import { ca, localhost } from "./fixtures/tlsServer.js"

type Keyed = KeyedPool.KeyedPool<Peer, any, unknown>
type Kind = {
  readonly host: string
  readonly server: (serve: (socket: net.Socket) => void) => net.Server
  readonly make: (options?: TcpPool.KeyedOptions) => Effect.Effect<Keyed, never, Scope.Scope>
}

const kinds: Record<string, Kind> = {
  TCP: {
    host: "127.0.0.1",
    server: (serve) => net.createServer(serve),
    make: (options) => TcpPool.keyed(options ?? {})
  },
  TLS: {
    host: "localhost",
    server: (serve) => tls.createServer(localhost, serve),
    make: (options) => TlsPool.keyed(Object.defineProperty(options ?? {}, "ca", { enumerable: true, value: ca }))
  }
}

describe.each(Object.keys(kinds))("keyed pools of %s connections", (name) => {
  const kind = kinds[name]!
  const { host, make, server } = kind

  it.live("lend connections of the server that was asked for, and share one limit", () =>
    Effect.scoped(Effect.gen(function*() {
      const one = yield* named(server, "one")
      const two = yield* named(server, "two")
      const servers = yield* make({ maxConnections: 2, maxConnectionsPerKey: 1, timeout: "5 seconds", name: "servers" })
      const asked = (port: number) => servers.use({ host, port }, ask)
      // Keys are equal if host and port are.
      expect(yield* Effect.all([asked(one.port), asked(two.port), asked(one.port), asked(two.port)])).toEqual([
        "one",
        "two",
        "one",
        "two"
      ])
      expect([one.accepted(), two.accepted()]).toEqual([1, 1])
      const { closed, keys, opened } = yield* servers.stats
      expect([keys, opened, totalOf(closed)]).toEqual([2, 2, 0])
      expect((yield* servers.lookup({ host, port: one.port })).name).toBe("servers")
      const three = yield* named(server, "three")
      expect(yield* asked(three.port)).toBe("three")
      expect((yield* servers.stats).closed.Reclaimed).toBe(1)
    })))

  it.live("read each option once, also where a class has them as getters", () =>
    Effect.scoped(Effect.gen(function*() {
      const one = yield* named(server, "one")
      const two = yield* named(server, "two")
      const read: Array<string> = []
      class Given {
        get name() {
          read.push("name")
          return "given"
        }
        get isExpired() {
          read.push("isExpired")
          return () => true
        }
      }
      const servers = yield* make(new Given())
      const lease = (port: number) => servers.use({ host, port }, ask)
      yield* Effect.all([lease(one.port), lease(one.port), lease(two.port)])
      expect((yield* servers.lookup({ host, port: one.port })).name).toBe("given")
      expect((yield* servers.stats).opened).toBe(3)
      expect(read.sort()).toEqual(["isExpired", "name"])
    })))

  it.live("fail a borrow for a server that is down, and serve the others", () =>
    Effect.scoped(Effect.gen(function*() {
      const one = yield* named(server, "one")
      const down = yield* Effect.scoped(Effect.map(named(server, "down"), ({ port }) => port))
      const servers = yield* make({ maxConnections: 1 })
      expect(yield* Effect.flip(servers.use({ host, port: down }, ask))).toMatchObject({ _tag: "ConnectError" })
      expect(yield* servers.use({ host, port: one.port }, ask)).toBe("one")
    })))

  const wrong: ReadonlyArray<
    readonly [string, (servers: typeof make) => Effect.Effect<unknown, unknown, Scope.Scope>]
  > = [
    [
      `${name === "TCP" ? "Tcp" : "Tls"}Pool.keyed: maxPendin is not an option`,
      (make) => make({ maxPendin: 1 } as never)
    ],
    ["Pool.keyed: host is not an option", (make) => make({ host: "a" } as never)],
    ["maxKeys must be a whole number of at least 1, but is 0", (make) => make({ maxKeys: 0 })],
    [
      "port must be",
      (make) => Effect.flatMap(make(), (servers) => servers.use({ host, port: -1 }, ask))
    ]
  ]

  it.live.each(wrong)("refuse: %s", ([message, effect]) =>
    Effect.scoped(Effect.gen(function*() {
      const exit = yield* Effect.exit(effect(make))
      expect(Exit.isFailure(exit) && hasDies(exit.cause) && Cause.pretty(exit.cause)).toContain(message)
    })))
})
