// Real sockets on loopback: faults while a connection opens. Linux only.
import { TcpConnection } from "@socketpool/node"
import { fork, result } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { FaultProxy } from "@socketpool/testing"
import { Data, Effect, Fiber, Schedule } from "effect"
import * as path from "node:path"
import { bundled } from "../../tools/bundled/bundled.js"
import { socketsTo } from "./fixtures/census.js"
import { ended } from "./fixtures/ended.js"
import { ask, childServer, echoLines, settled, stall, stallUntilArrived, withPool } from "./fixtures/faults.js"
import { echo, eventually, lines, serve, turn } from "./fixtures/server.js"

const echoing = serve(lines((line, reply) => reply(line)))
const hello = (connection: TcpConnection.TcpConnection) => ask(connection, "hello")
const host = "127.0.0.1"

describe("a handshake", { concurrent: true }, () => {
  const overProxy = Effect.gen(function*() {
    const server = yield* echoing
    const proxy = yield* FaultProxy.make({ target: { host, port: server.port } })
    return { proxy, server, target: { port: proxy.port, left: () => server.sockets.size } }
  })

  it.scopedLive("with a silent peer fails with HandshakeTimeout, and the next borrower is served", () =>
    Effect.gen(function*() {
      const { proxy, server, target } = yield* overProxy
      yield* withPool(target, { handshake: hello, connectTimeout: "3 seconds" }, (pool) =>
        Effect.gen(function*() {
          yield* proxy.welcome("Ignore")
          const error = yield* Effect.flip(pool.use(() => Effect.void))
          expect(error).toMatchObject({
            _tag: "ConnectError",
            reason: "HandshakeTimeout",
            address: `${host}:${proxy.port}`
          })
          expect(server.accepted()).toBe(0)
          yield* proxy.welcome("Accept")
          expect(yield* pool.use((connection) => ask(connection, "next"))).toBe("next")
          expect(yield* settled(pool)).toMatchObject({ opened: 1, openFailed: 1, idle: 1, pending: 0 })
        }))
      expect(yield* proxy.accepted).toBe(2)
      yield* eventually("the proxy has none left", () => Effect.runSync(proxy.connections) === 0)
    }))

  it.scopedLive("without an answer fails nobody if another connection serves all waiters", () =>
    Effect.gen(function*() {
      const { proxy, target } = yield* overProxy
      const options = { maxConnections: 2, handshake: hello, connectTimeout: "3 seconds" } as const
      yield* withPool(target, options, (pool) =>
        Effect.gen(function*() {
          yield* proxy.welcome("Ignore")
          const first = yield* fork(pool.use((connection) => ask(connection, "first")))
          yield* Effect.repeat(Effect.andThen(turn, proxy.accepted), { until: (n) => n === 1 })
          yield* proxy.welcome("Accept")
          expect(yield* pool.use((connection) => ask(connection, "second"))).toBe("second")
          expect(yield* Fiber.join(first)).toBe("first")
          expect(yield* settled(pool)).toMatchObject({ opened: 1, openFailed: 1, idle: 1 })
        }))
    }))

  it.scopedLive("with a frozen server fails with HandshakeTimeout, and the late answer reaches nobody", () =>
    Effect.gen(function*() {
      const server = yield* childServer(echoLines)
      let greetings = 0
      const handshake = (connection: TcpConnection.TcpConnection) => {
        const greeting = `greeting ${++greetings}`
        return Effect.filterOrFail(ask(connection, greeting), (answer) => answer === greeting, (answer) => answer)
      }
      yield* withPool(
        { port: server.port },
        { handshake, connectTimeout: "3 seconds" },
        (pool) =>
          Effect.gen(function*() {
            yield* server.freeze
            const error = yield* Effect.flip(pool.use(() => Effect.void))
            expect(error).toMatchObject({ _tag: "ConnectError", reason: "HandshakeTimeout" })
            yield* server.thaw
            yield* eventually("it answers late", () => server.output().includes("greeting 1"))
            expect(yield* pool.use((connection) => ask(connection, "mine"))).toBe("mine")
            expect(yield* settled(pool)).toMatchObject({
              opened: 1,
              openFailed: 1,
              closed: { Disconnected: 0, Discarded: 0 }
            })
            yield* eventually("it has said what it heard", () => server.output().includes("mine"))
            expect(server.output()).toBe("greeting 1\ngreeting 2\nmine\n")
          })
      )
    }))

  const dead = { Reset: "Reset", End: "EndOfStream" } as const
  for (const [how, reason] of Object.entries(dead)) {
    it.scopedLive(`through a proxy whose server is gone fails with ConnectError and cause ${reason} (${how})`, () =>
      Effect.gen(function*() {
        const server = yield* echoing
        const proxy = yield* FaultProxy.make({ target: { host, port: server.port } })
        yield* withPool(
          { port: proxy.port, left: () => server.sockets.size },
          { handshake: hello },
          (pool) =>
            Effect.gen(function*() {
              if (how === "End") yield* proxy.set("toClient", { cutAfter: 0, cut: "End" })
              else yield* Effect.promise(() => server.stop())
              const error = yield* Effect.flip(pool.use(() => Effect.void))
              expect(error).toMatchObject({
                _tag: "ConnectError",
                reason: "Other",
                cause: { _tag: "ConnectionError", reason }
              })
              expect(yield* settled(pool)).toMatchObject({ opened: 0, openFailed: 1, idle: 0, inUse: 0 })
              if (how === "End") yield* proxy.heal
              else yield* Effect.promise(() => server.start())
              expect(yield* pool.use((connection) => ask(connection, "alive"))).toBe("alive")
            })
        )
      }))
  }

  class Busy extends Data.TaggedError("Busy")<{ readonly line: string }> {}

  it.scopedLive("with a full server fails with ConnectError and its words as the cause, until it has room", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => {
        if (server.sockets.size > 1) return void socket.end("-ERR max number of clients reached\n")
        socket.write("+OK\n")
        socket.pipe(socket)
      })
      const handshake = (connection: TcpConnection.TcpConnection) =>
        Effect.flatMap(
          connection.recvUntil("\n"),
          (bytes) => bytes[0] === 43 ? Effect.void : new Busy({ line: new TextDecoder().decode(bytes) })
        )
      const target = { port: server.port, left: () => server.sockets.size }
      yield* withPool(target, { maxConnections: 2, handshake }, (pool) =>
        Effect.gen(function*() {
          yield* pool.use((holder) =>
            Effect.gen(function*() {
              const error = yield* Effect.flip(pool.use(() => Effect.void))
              expect(error).toMatchObject({ _tag: "Busy", line: "-ERR max number of clients reached\n" })
              expect(yield* ask(holder, "unharmed")).toBe("unharmed")
            })
          )
          yield* pool.clear
          yield* eventually("there is room", () => server.sockets.size === 0)
          expect(yield* pool.use((connection) => ask(connection, "next"))).toBe("next")
          expect(yield* settled(pool)).toMatchObject({ opened: 2, openFailed: 1, closed: { Cleared: 1 } })
        }))
    }))

  it.scopedLive("with a server out of descriptors fails with ConnectError and harms no served client", () =>
    Effect.gen(function*() {
      const server = yield* childServer(echoLines, { descriptors: 40 })
      const options = { maxConnections: 40, maxConnecting: 40, handshake: hello, connectTimeout: "4 seconds" } as const
      yield* withPool({ port: server.port }, options, (pool) =>
        Effect.gen(function*() {
          const decided = { served: 0, failed: 0 }
          const call = (line: string) =>
            pool.use((connection) =>
              Effect.gen(function*() {
                expect(yield* ask(connection, line)).toBe(line)
                decided.served++
                yield* eventually("everybody knows", () => decided.served + decided.failed === 40)
                expect(yield* ask(connection, `${line} again`)).toBe(`${line} again`)
              })
            ).pipe(Effect.tapError(() => Effect.sync(() => decided.failed++)), result)
          const all = Array.from({ length: 40 }, (_, i) => String(i))
          const results = yield* Effect.forEach(all, call, { concurrency: "unbounded" })
          const errors = results.flatMap((outcome) => outcome._tag === "Failure" ? [outcome.failure] : [])
          expect(errors.length).toBeGreaterThan(0)
          expect(decided.served).toBeGreaterThan(0)
          for (const error of errors) expect(error._tag).toBe("ConnectError")
          expect(yield* settled(pool)).toMatchObject({ opened: decided.served, openFailed: errors.length })
          yield* pool.clear
          yield* settled(pool)
          // The server itself needs a moment to close.
          const next = Effect.retry(pool.use((connection) => ask(connection, "next")), Schedule.spaced("10 millis"))
          expect(yield* next).toBe("next")
        }))
    }))

  it.scopedLive("with a server killed meanwhile fails with ConnectError, and the restarted one serves the next", () =>
    Effect.gen(function*() {
      const server = yield* childServer(`serve((socket) => socket.on("data", (data) => console.log(String(data))))`)
      yield* withPool({ port: server.port }, { handshake: hello }, (pool) =>
        Effect.gen(function*() {
          const borrower = yield* fork(Effect.flip(pool.use(() => Effect.void)))
          yield* eventually("the handshake waits", () => server.output().includes("hello"))
          yield* server.kill
          const error = yield* Fiber.join(borrower)
          expect(error).toMatchObject({ _tag: "ConnectError", reason: "Other", cause: { _tag: "ConnectionError" } })
          expect(yield* Effect.flip(pool.use(() => Effect.void))).toMatchObject({ reason: "Refused" })
          yield* childServer(echoLines, { port: server.port })
          expect(yield* pool.use((connection) => ask(connection, "again"))).toBe("again")
          expect(yield* settled(pool)).toMatchObject({ opened: 1, openFailed: 2 })
        }))
    }))
})

describe("an address that swallows everything", () => {
  /** A listener with a full queue, on an address of its own. Another address serves the same port. */
  const blackHole = (port: number) =>
    Effect.gen(function*() {
      const hole = yield* childServer(`serve(() => {}, { backlog: 1 })`, { host: "127.0.0.2", port })
      yield* hole.freeze
      yield* TcpConnection.open({ host: "127.0.0.2", port })
      yield* TcpConnection.open({ host: "127.0.0.2", port })
      return { ESTABLISHED: 2 }
    })

  // With a localAddress Node tries one address only, so that we try them.
  const sources: ReadonlyArray<readonly [string, Pick<TcpConnection.Options, "localAddress">]> = [
    ["", {}],
    [", with a localAddress", { localAddress: "127.0.0.1" }]
  ]

  it.scopedLive.each(sources)(
    "gives way to the next address after attemptTimeout%s",
    ([, source]) =>
      Effect.gen(function*() {
        const server = yield* serve(echo)
        const others = yield* blackHole(server.port)
        const both = {
          ...source,
          host: "both.internal",
          port: server.port,
          lookup: () => Effect.succeed(["127.0.0.2", host])
        }
        const connection = yield* TcpConnection.open({ ...both, attemptTimeout: "50 millis" })
        expect(connection.remoteAddress.hostname).toBe(host)
        yield* eventually("the attempts that were given up have closed their sockets", () =>
          socketsTo(server.port).ESTABLISHED === others.ESTABLISHED + 1)
        const patient = { ...both, attemptTimeout: "1 minute", connectTimeout: "700 millis" } as const
        expect(yield* Effect.flip(TcpConnection.open(patient))).toMatchObject({ reason: "Timeout" })
      })
  )

  it.scopedLive.each(sources)(
    "fails at connectTimeout if it is the last one, which Node would try for ever%s",
    ([, source]) =>
      Effect.gen(function*() {
        const port = yield* Effect.scoped(Effect.map(serve(echo), (server) => server.port))
        const others = yield* blackHole(port)
        const error = yield* Effect.flip(Effect.scoped(TcpConnection.open({
          ...source,
          host: "both.internal",
          port,
          attemptTimeout: "50 millis",
          connectTimeout: "400 millis",
          lookup: () => Effect.succeed([host, "127.0.0.2"])
        })))
        expect(error).toMatchObject({ _tag: "ConnectError", reason: "Timeout" })
        yield* eventually("the attempts that were given up have closed their sockets", () =>
          socketsTo(port).ESTABLISHED === others.ESTABLISHED)
      })
  )
})

describe("a process without descriptors", () => {
  it.scopedLive("gets LocalResources, loses no place in the pool, and recovers once there are descriptors", () =>
    Effect.gen(function*() {
      const server = yield* echoing
      const program = yield* Effect.promise(() => bundled(path.join(import.meta.dirname, "fixtures", "exhausted.ts")))
      const command = `ulimit -n 256; exec "$0" "$1" "$2"`
      const { code, output } = yield* ended("sh", ["-c", command, process.execPath, program, String(server.port)])
      expect(output.trim().split("\n")).toEqual([
        "before: 1",
        "by address: ConnectError LocalResources EMFILE",
        // The system's resolver returns either code if it cannot open its own files.
        expect.stringMatching(/^by name: ConnectError LocalResources (EMFILE|EBUSY)$/),
        "books: opening 0, in use 0, idle 0, opened 0, failed 4",
        "after: 2, opened 2"
      ])
      expect(code).toBe(0)
      yield* eventually("the server has no connection left", () => server.sockets.size === 0)
    }))
})

describe("an interrupt", () => {
  it.scopedLive("at any moment of an open frees the waiter at once, and the connection serves others or closes", () =>
    Effect.gen(function*() {
      const server = yield* echoing
      yield* withPool({ port: server.port, left: () => server.sockets.size }, {
        maxConnections: 3,
        handshake: hello
      }, (pool) =>
        Effect.gen(function*() {
          for (let moment = 0; moment < 60; moment++) {
            const borrower = yield* fork(pool.use(() => Effect.never))
            const micro = Effect.promise(() => Promise.resolve())
            for (let i = 0; i < moment; i++) yield* moment % 2 === 0 ? micro : turn
            yield* Fiber.interrupt(borrower)
            expect(yield* pool.stats).toMatchObject({ pending: 0, leased: 0 })
            if (moment % 7 === 0) yield* pool.clear
          }
          expect(yield* pool.use((connection) => ask(connection, "served"))).toBe("served")
          const { closing, idle, inUse, opening } = yield* pool.stats
          expect(opening + idle + inUse + closing).toBeLessThanOrEqual(3)
          expect(server.peak()).toBeLessThanOrEqual(3)
        }))
    }))
})

describe("a stall of the event loop", () => {
  it.scopedLive("does not time out a connect accepted during the stall", () =>
    Effect.gen(function*() {
      const server = yield* childServer(echoLines)
      for (let i = 0; i < 5; i++) {
        const options = { host, port: server.port, connectTimeout: "100 millis" } as const
        const opening = yield* fork(result(TcpConnection.open(options)))
        for (let turns = 0; turns < 10; turns++) {
          yield* Effect.promise(() => new Promise<void>((next) => process.nextTick(next)))
        }
        // During the stall, the deadline passes and the kernel connects.
        stall(300)
        expect(yield* Fiber.join(opening)).toMatchObject({ _tag: "Success" })
      }
    }))

  it.scopedLive("does not time out a handshake answered during the stall", () =>
    Effect.gen(function*() {
      const server = yield* childServer(echoLines)
      let asked = () => {}
      const handshake = (connection: TcpConnection.TcpConnection) =>
        Effect.gen(function*() {
          yield* connection.send("hello\n")
          asked()
          return yield* connection.recvUntil("\n")
        })
      yield* withPool({ port: server.port }, { handshake, connectTimeout: "100 millis" }, (pool) =>
        Effect.gen(function*() {
          for (let i = 0; i < 5; i++) {
            // Once the handshake has sent and waits, the deadline passes and the answer arrives.
            asked = () =>
              void process.nextTick(() =>
                stallUntilArrived(server.port)
              )
            expect(yield* result(pool.use((connection) => ask(connection, "mine")))).toMatchObject({
              success: "mine"
            })
            yield* pool.clear
          }
          expect(yield* settled(pool)).toMatchObject({ opened: 5, openFailed: 0 })
        }))
    }))
})
