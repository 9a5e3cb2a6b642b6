// The contract of every connection, over each transport, on loopback.
import type { Connection } from "@socketpool/core"
import { PlatformSocket, TcpConnection, TlsConnection, UnixConnection } from "@socketpool/node"
import { describe, it } from "@socketpool/test-seam/vitest"
import { ConnectionContract } from "@socketpool/testing"
import { Effect, type Scope } from "effect"
import type * as net from "node:net"
import { type Behave, serve } from "./fixtures/server.js"
import { holdsPeersBack, netSocket, roomy } from "./fixtures/sockets.js"
import { ca, serveTls } from "./fixtures/tlsServer.js"
import { serveUnix } from "./fixtures/unixServer.js"

/** Joins the connections that come, two by two: what one sends, the other gets. */
const relay = (): Behave => {
  let first: net.Socket | undefined
  return (socket) => {
    if (first === undefined) {
      first = socket
    } else {
      first.pipe(socket).pipe(first)
      first = undefined
    }
  }
}

const host = "127.0.0.1"

type Open = Effect.Effect<Effect.Effect<Connection, unknown, Scope.Scope>, never, Scope.Scope>

const unixServer = Effect.suspend(() => serveUnix(relay()))
const server = Effect.suspend(() => serve(relay()))
const secureServer = Effect.suspend(() => serveTls(relay()))

const transports: Record<string, readonly [Open, ReadonlyArray<ConnectionContract.Ability>]> = {
  "a TCP connection": [Effect.map(server, ({ port }) => TcpConnection.open({ host, port })), []],
  "a TLS connection": [Effect.map(secureServer, ({ port }) => TlsConnection.open({ host, port, ca })), []],
  "a connection over a Unix socket": [Effect.map(unixServer, ({ path }) => UnixConnection.open({ path })), []],
  // It fails when too much comes if it cannot hold its peer back.
  "a connection over a platform socket": [
    Effect.map(
      server,
      ({ port }) => Effect.flatMap(netSocket({ host, port }), (socket) => PlatformSocket.fromSocket(socket, roomy))
    ),
    holdsPeersBack ? [] : ["BackPressure"]
  ]
}

for (const [what, [listen, lacks]] of Object.entries(transports)) {
  describe(`${what}`, () => {
    const pair = Effect.flatMap(listen, (open) => Effect.all([open, open]))
    for (const { name, run } of ConnectionContract.checks({ pair, lacks })) it.live(name, () => run)
  })
}
