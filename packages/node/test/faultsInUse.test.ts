// Real sockets on loopback: faults while a connection is leased. Linux only.
import { Framing } from "@socketpool/core"
import { TcpConnection } from "@socketpool/node"
import { fork, forkDaemon, result, wasInterrupted } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { FaultProxy } from "@socketpool/testing"
import { Effect, Fiber } from "effect"
import type * as net from "node:net"
import { socketsTo } from "./fixtures/census.js"
import { ask, childServer, echoLines, settled, stall, withPool } from "./fixtures/faults.js"
import { eventually, lines, serve, turn } from "./fixtures/server.js"
import * as Tagged from "./fixtures/tagged.js"

const host = "127.0.0.1"

/** Echoes each line through a proxy; `heard` is everything that has reached the server. */
const overProxy = Effect.gen(function*() {
  const heard: Array<string> = []
  const server = yield* serve(lines((line, reply) => {
    heard.push(line)
    reply(line)
  }))
  const proxy = yield* FaultProxy.make({ target: { host, port: server.port } })
  return { heard, proxy, server, target: { port: proxy.port, left: () => server.sockets.size } }
})

describe("a break within a frame", () => {
  const breaks = { Reset: "Reset", End: "EndOfStream" } as const
  for (const [cut, reason] of Object.entries(breaks)) {
    it.scopedLive(`fails with ${reason} and the number of bytes received (${cut})`, () =>
      Effect.gen(function*() {
        const { heard, proxy, server, target } = yield* overProxy
        yield* withPool(target, {}, (pool) =>
          Effect.gen(function*() {
            yield* proxy.set("toClient", { cutAfter: 7, cut: cut as keyof typeof breaks })
            const error = yield* Effect.flip(pool.use((connection) => ask(connection, "0123456789")))
            expect(error).toMatchObject({ _tag: "ConnectionError", operation: "read", reason, bytesIntoFrame: 7 })
            yield* proxy.heal
            expect(yield* pool.use((connection) => ask(connection, "next"))).toBe("next")
            expect(yield* settled(pool)).toMatchObject({
              opened: 2,
              idle: 1,
              closed: { Disconnected: 1, Discarded: 0 }
            })
            expect(heard).toEqual(["0123456789", "next"])
            expect(server.accepted()).toBe(2)
          }))
      }))
  }

  it.scopedLive("is an error for a reader of frames, too, and not the end of the stream", () =>
    Effect.gen(function*() {
      const framing = Framing.lengthPrefixed({ bytes: 4, maxBytes: 100 })
      const server = yield* serve((socket) => void socket.end(Buffer.from([0, 0, 0, 2, 1, 2, 0, 0, 0, 9, 1])))
      yield* withPool({ port: server.port, left: () => server.sockets.size }, {}, (pool) =>
        pool.use((connection) =>
          Effect.gen(function*() {
            const { recv } = Framing.over(connection, framing)
            expect([...(yield* recv)]).toEqual([1, 2])
            expect(yield* Effect.flip(recv)).toMatchObject({ reason: "EndOfStream", bytesIntoFrame: 5 })
          })
        ))
    }))
})

describe("a peer that answers", () => {
  it.scopedLive("byte by byte causes Timeout if the whole answer takes longer, despite steady progress", () =>
    Effect.gen(function*() {
      let sent = 0
      const server = yield* serve((socket) => {
        const timer = setInterval(() => socket.write("x", () => sent++), 10)
        socket.on("close", () => clearInterval(timer))
      })
      yield* withPool(
        { port: server.port, left: () => server.sockets.size },
        {},
        (pool) =>
          Effect.gen(function*() {
            let began = 0
            const error = yield* Effect.flip(pool.use((connection) =>
              Effect.gen(function*() {
                yield* eventually("it has sent some", () => sent >= 3)
                began = performance.now()
                return yield* connection.recvUntil("\n", { timeout: "300 millis" })
              })
            ))
            expect(performance.now() - began).toBeGreaterThanOrEqual(295)
            expect(error).toMatchObject({ _tag: "ConnectionError", operation: "read", reason: "Timeout" })
            expect("bytesIntoFrame" in error && error.bytesIntoFrame).toBeGreaterThan(0)
            yield* settled(pool)
            yield* eventually("the server has none left", () => server.sockets.size === 0)
            expect(yield* pool.stats).toMatchObject({ opened: 1, idle: 0, closed: { Discarded: 1, Disconnected: 0 } })
            const before = sent
            expect((yield* pool.use((connection) => connection.recvExactly(3))).length).toBe(3)
            expect(sent).toBeGreaterThanOrEqual(before + 3)
          })
      )
    }))

  it.scopedLive("too late causes Timeout, and the late answer reaches nobody", () =>
    Effect.gen(function*() {
      const { heard, proxy, target } = yield* overProxy
      yield* withPool(target, {}, (pool) =>
        Effect.gen(function*() {
          yield* proxy.set("toClient", { stall: true })
          const error = yield* Effect.flip(pool.use((connection) => ask(connection, "late", { timeout: "200 millis" })))
          expect(error).toMatchObject({ _tag: "ConnectionError", operation: "read", reason: "Timeout" })
          expect("bytesIntoFrame" in error).toBe(false)
          yield* proxy.heal
          for (const line of ["a", "b", "c"]) expect(yield* pool.use((connection) => ask(connection, line))).toBe(line)
          expect(heard).toEqual(["late", "a", "b", "c"])
          expect(yield* settled(pool)).toMatchObject({ opened: 2, closed: { Discarded: 1 } })
        }))
    }))

  it.scopedLive("twice makes the connection close as Discarded when the lease ends", () =>
    Effect.gen(function*() {
      const server = yield* serve(lines((line, reply) => reply(`${line}\n${line}`)))
      yield* withPool({ port: server.port, left: () => server.sockets.size }, {}, (pool) =>
        Effect.gen(function*() {
          for (const line of ["a", "b", "c"]) expect(yield* pool.use((connection) => ask(connection, line))).toBe(line)
          expect(yield* settled(pool)).toMatchObject({ opened: 3, idle: 0, closed: { Discarded: 3 } })
          expect(server.accepted()).toBe(3)
        }))
    }))

  it.scopedLive("twice makes the connection close as Desync if the second answer arrives while idle", () =>
    Effect.gen(function*() {
      let again = () => {}
      const server = yield* serve(lines((line, reply) => {
        again = () => reply(line)
        reply(line)
      }))
      yield* withPool({ port: server.port, left: () => server.sockets.size }, {}, (pool) =>
        Effect.gen(function*() {
          expect(yield* pool.use((connection) => ask(connection, "one"))).toBe("one")
          expect((yield* pool.stats).idle).toBe(1)
          again()
          yield* eventually("it is closed", () => server.sockets.size === 0)
          expect(yield* settled(pool)).toMatchObject({ idle: 0, closed: { Desync: 1 } })
          expect(yield* pool.use((connection) => ask(connection, "two"))).toBe("two")
        }))
    }))
})

describe("a changed byte", () => {
  it.scopedLive("in a length fails with TooLarge at once, and the connection is not lent again", () =>
    Effect.gen(function*() {
      const server = yield* serve(Tagged.answering((tag) => [{ tag, after: 0 }]))
      const proxy = yield* FaultProxy.make({ target: { host, port: server.port } })
      yield* withPool({ port: proxy.port, left: () => server.sockets.size }, {}, (pool) =>
        Effect.gen(function*() {
          yield* proxy.set("toClient", { stall: true })
          const error = yield* Effect.flip(pool.use((connection) =>
            Effect.andThen(
              fork(Effect.repeat(Effect.andThen(turn, proxy.inject("\u007f\u007f\u007f\u007f")), {
                until: (clients) => clients === 1
              })),
              Tagged.ask(connection, 1)
            )
          ))
          expect(error).toMatchObject({ _tag: "ConnectionError", operation: "read", reason: "TooLarge" })
          yield* proxy.heal
          expect(yield* pool.use((connection) => Tagged.ask(connection, 2))).toBe(2)
          expect(yield* settled(pool)).toMatchObject({ opened: 2, closed: { Discarded: 1 } })
        }))
    }))

  it.scopedLive("anywhere in an answer causes a typed error, and the connection is not lent again", () =>
    Effect.gen(function*() {
      const reasons = new Set<string>()
      const once = (seed: number) =>
        Effect.scoped(Effect.gen(function*() {
          const server = yield* serve(Tagged.answering((tag) => [{ tag, after: 0 }]))
          const proxy = yield* FaultProxy.make({ target: { host, port: server.port }, seed })
          yield* withPool(
            { port: proxy.port, left: () => server.sockets.size },
            { timeout: "3 seconds" },
            (pool) =>
              Effect.gen(function*() {
                yield* proxy.set("toClient", { corrupt: 1 })
                const error = yield* Effect.flip(pool.use((connection) => Tagged.ask(connection, 1)))
                reasons.add("reason" in error ? error.reason : error._tag)
                yield* proxy.heal
                expect(yield* pool.use((connection) => Tagged.ask(connection, 2))).toBe(2)
                expect(yield* settled(pool)).toMatchObject({ opened: 2, closed: { Discarded: 1 } })
              })
          )
        }))
      yield* Effect.forEach(Array.from({ length: 12 }, (_, i) => i + 1), once, { concurrency: "unbounded" })
      expect(["Garbled", "TooLarge", "Timeout"]).toEqual(expect.arrayContaining([...reasons]))
    }))
})

describe("sending to a peer", () => {
  it.scopedLive("that has reset fails with Reset of the write, and never hangs", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => void socket.once("data", () => socket.resetAndDestroy()))
      yield* withPool({ port: server.port, left: () => server.sockets.size }, {}, (pool) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(
            pool.use((connection) => Effect.forever(Effect.andThen(connection.send("x".repeat(1_000)), turn)))
          )
          expect(error).toMatchObject({ _tag: "ConnectionError", operation: "write", reason: "Reset" })
          expect(yield* settled(pool)).toMatchObject({ opened: 1, idle: 0, closed: { Disconnected: 1 } })
        }))
    }))

  it.scopedLive("that has ended fails with EndOfStream of the write, and the next borrower gets another", () =>
    Effect.gen(function*() {
      const { heard, proxy, target } = yield* overProxy
      yield* withPool(target, {}, (pool) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(pool.use((connection) =>
            Effect.gen(function*() {
              expect(yield* ask(connection, "one")).toBe("one")
              yield* proxy.end
              yield* connection.closed
              expect(connection.isConnected).toBe(false)
              return yield* connection.send("lost\n")
            })
          ))
          expect(error).toMatchObject({ _tag: "ConnectionError", operation: "write", reason: "EndOfStream" })
          expect(yield* pool.use((connection) => ask(connection, "two"))).toBe("two")
          expect(heard).toEqual(["one", "two"])
          expect(yield* settled(pool)).toMatchObject({ opened: 2, closed: { Disconnected: 1 } })
        }))
    }))

  const deaf = serve((socket) => void socket.pause())

  it.scopedLive("that does not read fails with Timeout of the write, and the connection closes with unsent data", () =>
    Effect.gen(function*() {
      const server = yield* deaf
      const options = { timeout: "200 millis", maxConnections: 2 } as const
      yield* withPool({ port: server.port }, options, (pool) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(pool.use((connection) => connection.send(new Uint8Array(50_000_000))))
          expect(error).toMatchObject({ _tag: "ConnectionError", operation: "write", reason: "Timeout" })
          expect(yield* settled(pool)).toMatchObject({ opened: 1, idle: 0, closed: { Discarded: 1 } })
          expect(socketsTo(server.port)).toEqual({})
        }))
    }))

  for (const whether of ["still waits", "has been interrupted"]) {
    it.scopedLive(`that does not read cannot delay the close of a connection whose sender ${whether}`, () =>
      Effect.gen(function*() {
        const server = yield* deaf
        const writer = yield* Effect.scoped(Effect.gen(function*() {
          const connection = yield* TcpConnection.open({ host, port: server.port })
          const writer = yield* forkDaemon(result(connection.send(new Uint8Array(50_000_000))))
          yield* eventually("the writer waits", () => connection.socket.writableNeedDrain)
          if (whether === "has been interrupted") yield* Fiber.interrupt(writer)
          return writer
        }))
        expect(socketsTo(server.port)).toEqual({})
        const exit = yield* Fiber.await(writer)
        if (whether === "has been interrupted") expect(wasInterrupted(exit)).toBe(true)
        else expect(exit).toMatchObject({ value: { failure: { operation: "write", reason: "Released" } } })
      }))
  }

  it.scopedLive("that does not read cannot delay the close of the pool, despite unsent data", () =>
    Effect.gen(function*() {
      const server = yield* deaf
      const options = { drainTimeout: "50 millis", onRelease: () => Effect.succeed("keep" as const) } as const
      yield* withPool({ port: server.port }, { ...options, maxConnections: 2 }, (pool) =>
        Effect.gen(function*() {
          const socket: { current?: net.Socket } = {}
          const sending = pool.use((connection) => {
            socket.current = connection.socket
            return Effect.forever(connection.send(new Uint8Array(1_000_000)))
          })
          const holder = yield* fork(Effect.flip(sending))
          yield* eventually("the holder waits", () => socket.current?.writableNeedDrain === true)
          yield* pool.close
          expect(yield* Fiber.join(holder)).toMatchObject({ operation: "write", reason: "Released" })
          expect(socket.current!.destroyed).toBe(true)
        }))
    }))
})

describe("a server that dies while the event loop stalls", () => {
  it.scopedLive("causes a typed error in the first operation, and nothing is sent again", () =>
    Effect.gen(function*() {
      const server = yield* childServer(echoLines)
      yield* withPool({ port: server.port }, { maxConnections: 2 }, (pool) =>
        Effect.gen(function*() {
          expect(yield* pool.use((connection) => ask(connection, "one"))).toBe("one")
          yield* Effect.sync(() => void Effect.runFork(server.kill))
          stall(300)
          const error = yield* Effect.flip(pool.use((connection) => ask(connection, "two")))
          expect(error._tag).toBe("ConnectionError")
          expect(["EndOfStream", "Reset"]).toContain("reason" in error && error.reason)
          yield* server.restart
          expect(yield* pool.use((connection) => ask(connection, "three"))).toBe("three")
          yield* eventually("the server has said so", () => server.output().includes("three"))
          expect(server.output()).toBe("one\nthree\n")
          expect(yield* settled(pool)).toMatchObject({ opened: 2, openFailed: 0, closed: { Disconnected: 1 } })
        }))
    }))
})
