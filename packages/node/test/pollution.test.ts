import { TcpConnection, TcpPool, TlsConnection } from "@socketpool/node"
import { afterAll, beforeAll, describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect } from "effect"
import { once } from "node:events"
import { Worker } from "node:worker_threads"
import { ca, client, localhost, otherHost } from "./fixtures/tlsServer.js"

/** The properties that an attacker may put on `Object.prototype`, under the names of options of ours and of Node. */
const polluted: Record<string, unknown> = {
  ALPNProtocols: ["polluted"],
  allowHalfOpen: true,
  alpn: ["polluted"],
  attributes: { polluted: true },
  ca: "polluted",
  cert: client.cert,
  checkServerIdentity: () => undefined,
  dangerouslySkipVerification: true,
  family: 6,
  fd: 0,
  handle: {},
  handshake: () => Effect.fail("polluted"),
  host: "polluted.invalid",
  isServer: true,
  key: client.key,
  localAddress: "127.0.0.9",
  localPort: 1,
  lookup: () => Effect.fail("polluted"),
  maxConnections: 1,
  minVersion: "TLSv1.3",
  name: "polluted",
  objectMode: true,
  onread: { buffer: Buffer.alloc(1), callback: () => true },
  passphrase: "polluted",
  path: "/polluted.sock",
  pauseOnCreate: true,
  port: 1,
  pskCallback: () => ({ psk: Buffer.alloc(16), identity: "polluted" }),
  readable: false,
  readableObjectMode: true,
  rejectUnauthorized: false,
  secureContext: {},
  servername: "other.example",
  session: Buffer.alloc(8),
  signal: AbortSignal.abort(),
  socket: {},
  startTls: () => Effect.fail("polluted"),
  timeout: 1,
  writable: false,
  writableObjectMode: true
}

/** Runs with one property on `Object.prototype`. */
const withPolluted = <A, E, R>(name: string, run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const prototype = Object.prototype as Record<string, unknown>
  return Effect.acquireUseRelease(
    // It is not enumerable, because the test framework enumerates.
    Effect.sync(() =>
      Reflect.defineProperty(prototype, name, { value: polluted[name], configurable: true, writable: true })
    ),
    () => run,
    () => Effect.sync(() => Reflect.deleteProperty(prototype, name))
  )
}

/** Echo servers in a realm of their own, which the pollution does not reach: TCP, TLS, and TLS for another name. */
const worker = new Worker(
  `const { workerData, parentPort } = require("node:worker_threads")
  const echo = (socket) => socket.on("error", () => {}).pipe(socket)
  const servers = [
    require("node:net").createServer(echo),
    ...workerData.map((identity) => require("node:tls").createServer(identity, echo))
  ]
  let left = servers.length
  for (const server of servers) server.listen(0, "127.0.0.1", () => {
    if (--left === 0) parentPort.postMessage(servers.map((server) => server.address().port))
  })`,
  { eval: true, workerData: [localhost, otherHost] }
)
// Listens at once: the message may come before the first hook runs, and would be lost.
const listening = once(worker, "message")
let ports: readonly [tcp: number, tls: number, other: number]
beforeAll(async () => {
  const [message] = await listening
  ports = message
})
afterAll(() => worker.terminate())

const ask = (connection: Pick<TcpConnection.TcpConnection, "recvUntil" | "send">) =>
  Effect.andThen(connection.send("x\n"), connection.recvUntil("\n"))

// H4: option objects as code
describe("a polluted prototype changes nothing", () => {
  it.scopedLive.each(Object.keys(polluted))("of a TCP connection or pool: %s", (name) =>
    Effect.gen(function*() {
      const [port] = ports
      const options = { host: "127.0.0.1", port }
      const found = yield* withPolluted(
        name,
        Effect.gen(function*() {
          const connection = yield* TcpConnection.open(options)
          yield* ask(connection)
          const pool = yield* TcpPool.make(options)
          yield* pool.use(ask)
          return [
            connection.remoteAddress.port,
            connection.localAddress.hostname,
            pool.name,
            (yield* pool.stats).maxConnections
          ]
        })
      )
      expect(found).toEqual([port, "127.0.0.1", `tcp://127.0.0.1:${port}`, 200])
    }))

  /** Node's TLS sockets take these from objects of its own, and fail for the whole process. */
  const outOfReach = ["objectMode", "readable", "readableObjectMode", "writable", "writableObjectMode"]

  it.scopedLive.each(Object.keys(polluted).filter((name) => !outOfReach.includes(name)))(
    "of TLS: %s",
    (name) =>
      Effect.gen(function*() {
        const [, tls, other] = ports
        const [alpn, failure] = yield* withPolluted(
          name,
          Effect.gen(function*() {
            const connection = yield* TlsConnection.open({ host: "localhost", port: tls, ca })
            yield* ask(connection)
            const failure = yield* Effect.flip(
              Effect.scoped(TlsConnection.open({ host: "127.0.0.1", port: other, ca }))
            )
            return [connection.alpnProtocol, failure] as const
          })
        )
        expect(alpn._tag).toBe("None")
        expect(failure).toMatchObject({ reason: "Tls", code: "ERR_TLS_CERT_ALTNAME_INVALID" })
      })
  )
})
