// What every connection must do, over each transport, on loopback.
import { NodeSocket } from "@effect/platform-node"
import { describe, it } from "@effect/vitest"
import type { Connection } from "@socketpool/core"
import { PlatformSocket, TcpConnection, TlsConnection, UnixConnection } from "@socketpool/node"
import { ConnectionContract } from "@socketpool/testing"
import { Effect, type Scope } from "effect"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { type Behave, serve } from "./fixtures/server.js"
import { ca, serveTls } from "./fixtures/tlsServer.js"

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

const overUnix: Open = Effect.map(
  Effect.acquireRelease(
    Effect.promise(async () => {
      const directory = fs.mkdtempSync(path.join(os.tmpdir(), "relay-"))
      const file = path.join(directory, "socket")
      const server = net.createServer(relay())
      await new Promise<void>((done) => server.listen(file, done))
      return { directory, file, server }
    }),
    ({ directory, server }) =>
      Effect.promise(async () => {
        await new Promise((done) => server.close(done))
        fs.rmSync(directory, { recursive: true })
      })
  ),
  ({ file }) => UnixConnection.open({ path: file })
)

const server = Effect.suspend(() => serve(relay()))
const secureServer = Effect.suspend(() => serveTls(relay()))

const transports: Record<string, readonly [Open, ReadonlyArray<ConnectionContract.Ability>]> = {
  "a TCP connection": [Effect.map(server, ({ port }) => TcpConnection.open({ host, port })), []],
  "a TLS connection": [Effect.map(secureServer, ({ port }) => TlsConnection.open({ host, port, ca })), []],
  "a connection over a Unix socket": [overUnix, []],
  // It cannot hold its peer back, so it fails when too much comes.
  "a connection over a platform socket": [
    Effect.map(server, ({ port }) =>
      Effect.flatMap(
        NodeSocket.makeNet({ host, port }),
        (socket) => PlatformSocket.fromSocket(socket, { maxUnread: 4_194_304 })
      )),
    ["BackPressure"]
  ]
}

for (const [what, [listen, lacks]] of Object.entries(transports)) {
  describe(`${what}`, () => {
    const pair = Effect.flatMap(listen, (open) => Effect.all([open, open]))
    for (const { name, run } of ConnectionContract.checks({ pair, lacks })) it.live(name, () => run)
  })
}
