// N2: a connection that a lease leaves in the middle of something makes room at once, whatever its peer does.
import type { Connection, ConnectionPool } from "@socketpool/core"
import { type TcpConnection, TcpPool, TlsPool } from "@socketpool/node"
import { fork } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber, type Scope } from "effect"
import * as fs from "node:fs"
import * as net from "node:net"
import * as tls from "node:tls"
import { ask } from "./fixtures/faults.js"
import { eventually, listening } from "./fixtures/server.js"
import { ca, localhost } from "./fixtures/tlsServer.js"

/** A server that answers a line with itself, except "silence". It ends its side late, or never. */
const stubborn = (secure: boolean, endsItsSide: boolean) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const ended = { times: 0 }
    const serve = (socket: net.Socket) => {
      socket.on("error", () => {})
      socket.on("end", () => {
        ended.times++
        if (endsItsSide) setTimeout(() => socket.end(), 5)
      })
      socket.on("data", (bytes) => {
        const line = bytes.toString()
        lines.push(line.trimEnd())
        if (line !== "silence\n") socket.write(line === "unasked\n" ? "unasked\nmore\n" : line)
      })
    }
    const options = { allowHalfOpen: true }
    const server = secure ? tls.createServer({ ...options, ...localhost }, serve) : net.createServer(options, serve)
    return Effect.map(listening(server), (books) => ({ ...books, ended, lines }))
  })

const pools: Record<string, (port: number) => Effect.Effect<ConnectionPool<Connection, unknown>, never, Scope.Scope>> =
  {
    TCP: (port) => TcpPool.make({ host: "127.0.0.1", port, maxConnections: 1 }),
    TLS: (port) => TlsPool.make({ host: "localhost", port, ca, maxConnections: 1 })
  }

type Server = Effect.Effect.Success<ReturnType<typeof stubborn>>

const leaves: Record<
  string,
  (pool: ConnectionPool<Connection, unknown>, server: Server) => Effect.Effect<unknown, unknown, Scope.Scope>
> = {
  "whose lease was interrupted": (pool, server) =>
    Effect.gen(function*() {
      const asked: { socket?: net.Socket } = {}
      const holder = yield* fork(pool.use((connection) => {
        asked.socket = (connection as TcpConnection.TcpConnection).socket
        return ask(connection, "silence")
      }))
      // Output that is still here would not be sent any more, and the close would not wait.
      yield* eventually("it has asked", () => server.lines.includes("silence") && asked.socket?.writableLength === 0)
      yield* Fiber.interrupt(holder)
    }),
  "whose read has timed out": (pool) =>
    Effect.exit(pool.use((connection) => ask(connection, "silence", { timeout: "100 millis" }))),
  "that got what nobody asked for": (pool) => pool.use((connection) => ask(connection, "unasked")),
  "whose lease failed": (pool) =>
    Effect.exit(pool.use((connection) => Effect.andThen(ask(connection, "one"), Effect.fail("no"))))
}

/**
 * Expects a value. The pool waits for the end of its peer for 50 ms only, and the peer is in this process, too: if the
 * process got no processor for about that time, another value proves nothing, and the effect runs again.
 */
const undisturbed = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>, expected: A) => {
  const tries = (left: number): Effect.Effect<void, E> =>
    Effect.flatMap(Effect.scoped(Effect.flatMap(longestStall, (stall) => Effect.zip(effect, Effect.sync(stall)))), (
      [value, stall]
    ) => {
      if (stall > 25 && left > 0 && JSON.stringify(value) !== JSON.stringify(expected)) return tries(left - 1)
      return Effect.sync(() => expect(value).toEqual(expected))
    })
  return tries(20)
}

/** The longest time in milliseconds, from now on, in which no timer of this process ran. */
const longestStall: Effect.Effect<() => number, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const state = { last: performance.now(), longest: 0, look: () => {}, timer: undefined as unknown }
      state.look = () => {
        const now = performance.now()
        state.longest = Math.max(state.longest, now - state.last)
        state.last = now
      }
      state.timer = setInterval(state.look, 1)
      return state
    }),
    ({ timer }) => Effect.sync(() => clearInterval(timer as NodeJS.Timeout))
  ),
  (state) => () => {
    state.look()
    return state.longest
  }
)

/** The connections to a port that the kernel knows of on the server's side, other than those it is taking down. */
const established = (port: number): number =>
  fs.readFileSync("/proc/net/tcp", "utf8").split("\n").filter((row) => {
    const [, local, , state] = row.trim().split(/\s+/)
    return local === `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}` &&
      (state === "01" || state === "08")
  }).length

describe.each(Object.keys(pools))("a %s connection", (kind) => {
  it.live.each(Object.keys(leaves))(
    "%s closes in order if its peer does, and the server never counts two",
    (how) =>
      undisturbed(
        Effect.gen(function*() {
          const server = yield* stubborn(kind === "TLS", true)
          const pool = yield* pools[kind]!(server.port)
          yield* leaves[how]!(pool, server)
          expect(yield* pool.use((connection) => ask(connection, "mine"))).toBe("mine")
          return [server.accepted(), server.peak(), server.ended.times]
        }),
        [2, 1, 1]
      )
  )

  // Only Linux lists its connections in a file.
  it.live.each(process.platform === "linux" ? Object.keys(leaves) : [])(
    "%s is reset if its peer does not end, and the server's system counts one",
    (how) =>
      Effect.scoped(Effect.gen(function*() {
        const server = yield* stubborn(kind === "TLS", false)
        const pool = yield* pools[kind]!(server.port)
        yield* leaves[how]!(pool, server)
        yield* pool.use((connection) =>
          Effect.andThen(
            ask(connection, "mine"),
            // Eventually: the system's processors take the reset and the next connection in no certain order.
            eventually("the system counts one", () => established(server.port) === 1)
          )
        )
        expect(server.accepted()).toBe(2)
      }))
  )

  it.live("whose lease succeeded without reading has its output sent before it closes", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* stubborn(kind === "TLS", true)
      const pool = yield* pools[kind]!(server.port)
      yield* pool.use((connection) => connection.send("silence\n"))
      yield* eventually("it has come", () => server.lines.includes("silence"))
    })))
})
