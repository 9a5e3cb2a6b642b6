// A real server: memcached, on a random loopback port.
import { type Connection, type ConnectionError, Framing } from "@socketpool/core"
import { type TcpConnection, TcpPool } from "@socketpool/node"
import { result } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, type Scope } from "effect"
import { spawnSync } from "node:child_process"
import { freePort, isMissing, patiently, run } from "./fixtures/realServer.js"
import { nothingIsLeft } from "./fixtures/witnesses.js"

const installed = spawnSync("memcached", ["-V"]).status === 0

const memcached: Effect.Effect<number, never, Scope.Scope> = patiently(Effect.gen(function*() {
  const port = yield* freePort
  const asRoot = process.getuid!() === 0 ? ["-u", "nobody"] : []
  yield* run({
    command: "memcached",
    args: ["-l", "127.0.0.1", "-p", `${port}`, "-U", "0", "-t", "2", "-vv", ...asRoot],
    ready: "server listening",
    stopWith: "SIGKILL"
  })
  return port
}))

const maxBytes = 1_000_000
const overLines = (connection: Connection, framing = Framing.lines({ maxBytes })) =>
  Framing.text(Framing.over(connection, framing))

type Failure = ConnectionError | Framing.FramingError

/** Reads to `END`. */
const untilEnd = (connection: Connection): Effect.Effect<ReadonlyArray<string>, Failure> =>
  Effect.gen(function*() {
    const { recv } = overLines(connection)
    const read: Array<string> = []
    for (let line = yield* recv; line !== "END"; line = yield* recv) read.push(line)
    return read
  })

const set = (connection: Connection, key: string, value: string): Effect.Effect<string, Failure> => {
  const { recv, send } = overLines(connection)
  return send(`set ${key} 0 0 ${Buffer.byteLength(value)}`).pipe(Effect.andThen(send(value)), Effect.andThen(recv))
}

const get = (connection: Connection, key: string) =>
  Effect.andThen(overLines(connection).send(`get ${key}`), untilEnd(connection))

/** Lists the ports of the server's clients, without the client that asks. */
const clients = (connection: TcpConnection.TcpConnection): Effect.Effect<ReadonlyArray<number>, Failure> =>
  Effect.gen(function*() {
    yield* overLines(connection).send("stats conns")
    const stats = (yield* untilEnd(connection)).join("\n")
    const ports = [...stats.matchAll(/^STAT \d+:addr tcp:127\.0\.0\.1:(\d+)$/gm)].map(([, port]) => Number(port))
    const { localAddress, remoteAddress } = connection
    return ports.filter((port) => port !== localAddress.port && port !== remoteAddress.port)
  })

describe.skipIf(isMissing("memcached", installed))("a pool of connections to memcached", () => {
  it.scopedLive(
    "returns their own values to 50 fibers over 4 connections, never opens more, and leaves nothing",
    () =>
      Effect.gen(function*() {
        const port = yield* memcached
        const watch = yield* TcpPool.make({ host: "127.0.0.1", port, maxConnections: 1 })
        const pool = yield* Effect.scoped(Effect.gen(function*() {
          const pool = yield* TcpPool.make({ host: "127.0.0.1", port, maxConnections: 4, maxUses: 25 })
          let most = 0
          const count = watch.use((connection) =>
            Effect.map(clients(connection), (ports) => most = Math.max(most, ports.length))
          )
          const work = (fiber: number, round: number) =>
            pool.use((connection) =>
              Effect.gen(function*() {
                const key = `key-${fiber}`
                const value = `${fiber} in ${round} ${"x".repeat(fiber * 200)}`
                expect(yield* set(connection, key, value)).toBe("STORED")
                expect(yield* get(connection, key)).toEqual([`VALUE ${key} 0 ${value.length}`, value])
              })
            )
          const all = Effect.forEach(
            Array.from({ length: 50 }, (_, i) => i),
            (fiber) => Effect.forEach(Array.from({ length: 10 }, (_, i) => i), (round) => work(fiber, round)),
            { concurrency: "unbounded", discard: true }
          )
          // A server that gets no processor for 50 ms counts a connection beside its successor: then a round proves nothing.
          for (let round = 1; round === 1 || most > 4 && round <= 5; round++) {
            most = 0
            yield* Effect.raceFirst(all, Effect.forever(count))
            const stats = yield* pool.stats
            expect(stats).toMatchObject({ acquired: round * 500, inUse: 0, pending: 0, openFailed: 0 })
            expect(stats.opened).toBeGreaterThanOrEqual(round * 20)
          }
          expect(most).toBeGreaterThan(0)
          expect(most).toBeLessThanOrEqual(4)
          return pool
        }))
        const left = yield* Effect.repeat(watch.use(clients), { until: (ports) => ports.length === 0 })
        // The kernel would count this connection, too.
        yield* watch.close
        yield* nothingIsLeft({ pool, port, server: () => left.length })
      })
  )

  it.scopedLive("sends nothing of a key that contains a command, and keeps the connection", () =>
    Effect.gen(function*() {
      const port = yield* memcached
      const pool = yield* TcpPool.make({ host: "127.0.0.1", port, maxConnections: 1 })
      yield* pool.use((connection) =>
        Effect.gen(function*() {
          expect(yield* set(connection, "precious", "value")).toBe("STORED")
          const refused = yield* result(get(connection, "x\r\nflush_all"))
          expect(refused).toMatchObject({ failure: { _tag: "FramingError", reason: "ContainsDelimiter" } })
          expect(yield* get(connection, "precious")).toEqual(["VALUE precious 0 5", "value"])
        })
      )
      expect(yield* pool.use((connection) => get(connection, "precious"))).toEqual(["VALUE precious 0 5", "value"])
      expect(yield* pool.stats).toMatchObject({ opened: 1 })
    }))

  it.scopedLive("returns nothing of a value that was too long for its reader to the next borrower", () =>
    Effect.gen(function*() {
      const port = yield* memcached
      const pool = yield* TcpPool.make({ host: "127.0.0.1", port, maxConnections: 1 })
      const value = "v".repeat(500_000)
      expect(yield* pool.use((connection) => set(connection, "long", value))).toBe("STORED")
      yield* pool.use((connection) =>
        Effect.gen(function*() {
          const { recv, send } = overLines(connection, Framing.lines())
          yield* send("get long")
          expect(yield* recv).toBe("VALUE long 0 500000")
          expect(yield* Effect.flip(recv)).toMatchObject({ _tag: "ConnectionError", reason: "TooLarge" })
        })
      )
      expect(yield* pool.use((connection) => get(connection, "long"))).toEqual(["VALUE long 0 500000", value])
      expect(yield* pool.stats).toMatchObject({ opened: 2 })
    }))
})
