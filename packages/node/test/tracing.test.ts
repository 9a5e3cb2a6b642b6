// Real sockets on loopback: the attributes of spans that name a pool's server.
import type { Connection } from "@socketpool/core"
import { PlatformSocket, TcpPool, TlsPool, UnixPool } from "@socketpool/node"
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import { Spans } from "@socketpool/testing"
import { Effect, type Scope } from "effect"
import { echo, serve } from "./fixtures/server.js"
import { netSocket } from "./fixtures/sockets.js"
import { ca, serveTls } from "./fixtures/tlsServer.js"
import { serveUnix } from "./fixtures/unixServer.js"

const call = (connection: Connection) => Effect.andThen(connection.send("x"), connection.recv())

/** Returns the attributes of the first connect's span, without the number of the connection. */
const attributesOf = (
  make: Effect.Effect<{ readonly use: (f: typeof call) => Effect.Effect<unknown, unknown> }, never, Scope.Scope>
) =>
  Effect.gen(function*() {
    const spans = yield* Spans.during(Effect.scoped(Effect.flatMap(make, (pool) => pool.use(call))))
    const connect = spans.find(({ name }) => name === "Pool.connect")!
    const { "socketpool.connection.id": id, ...rest } = Object.fromEntries(connect.attributes)
    assert.strictEqual(id, 1)
    return rest
  })

describe("the spans of a pool of sockets name the server", () => {
  it.scopedLive("over TCP", () =>
    Effect.gen(function*() {
      const { port } = yield* serve(echo)
      assert.deepStrictEqual(yield* attributesOf(TcpPool.make({ host: "127.0.0.1", port, name: "orders" })), {
        "db.client.connection.pool.name": "orders",
        "server.address": "127.0.0.1",
        "server.port": port,
        "network.transport": "tcp"
      })
    }))

  it.scopedLive("over TLS", () =>
    Effect.gen(function*() {
      const { port } = yield* serveTls((socket) => void socket.pipe(socket))
      assert.deepInclude(yield* attributesOf(TlsPool.make({ host: "localhost", port, ca })), {
        "db.client.connection.pool.name": `tls://localhost:${port}`,
        "server.address": "localhost",
        "server.port": port
      })
    }))

  it.scopedLive("over a Unix socket", () =>
    Effect.gen(function*() {
      const { path } = yield* serveUnix(echo)
      assert.deepInclude(yield* attributesOf(UnixPool.make({ path })), {
        "server.address": path,
        "network.transport": "unix"
      })
    }))

  it.scopedLive("over a platform socket with an address, and carry the user's attributes", () =>
    Effect.gen(function*() {
      const { port } = yield* serve(echo)
      const pool = PlatformSocket.makePool({
        socket: netSocket({ host: "127.0.0.1", port }),
        address: "quotes",
        attributes: { "peer.service": "quotes-v2" }
      })
      assert.deepInclude(yield* attributesOf(pool), { "server.address": "quotes", "peer.service": "quotes-v2" })
    }))
})
