// Real sockets on loopback.
import type { TcpConnection } from "@socketpool/node"
import { exitOf, fork, provideScope, reasonOf, result, TestClock, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Exit, Fiber, Scope } from "effect"
import { spawn } from "node:child_process"
import { socketsTo } from "./fixtures/census.js"
import { stallUntilArrived } from "./fixtures/faults.js"
import { echo, eventually, lines, serve, silent, untilStuck } from "./fixtures/server.js"
import { open } from "./fixtures/tcpClient.js"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

/** A program in a process of its own that prints the port it listens on. */
const childProcess = (program: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn(process.execPath, ["-e", program])
      const port = await new Promise<number>((resolve) => child.stdout.once("data", (data) => resolve(Number(data))))
      return { child, port }
    }),
    ({ child }) => Effect.sync(() => void child.kill("SIGKILL"))
  )

describe("reading and writing", () => {
  it.scopedLive("sends a string and receives what comes back", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const connection = yield* open(server.port)
      yield* connection.send("hello")
      expect(text(yield* connection.recv())).toBe("hello")
    }))

  it.scopedLive("receives at most maxBytes, 1024 unless told", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const connection = yield* open(server.port)
      yield* connection.send(new Uint8Array(3000))
      let sizes: Array<number> = []
      for (let got = 0; got < 3000;) {
        const chunk = yield* connection.recv()
        sizes.push(chunk.length)
        got += chunk.length
      }
      expect(Math.max(...sizes)).toBeLessThanOrEqual(1024)
      sizes = []
      yield* connection.send("abcdef")
      for (let got = 0; got < 6;) {
        const chunk = yield* connection.recv(2)
        sizes.push(chunk.length)
        got += chunk.length
      }
      expect(Math.max(...sizes)).toBeLessThanOrEqual(2)
    }))

  it.scopedLive("receives frames by size and by delimiter, in whatever pieces they come", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => {
        const reply = [..."12345line one\r\nline two\r\n"]
        const next = () => {
          const byte = reply.shift()
          if (byte !== undefined && !socket.destroyed) socket.write(byte, next)
        }
        socket.once("data", next)
      })
      const connection = yield* open(server.port)
      yield* connection.send("go")
      expect(text(yield* connection.recvExactly(5))).toBe("12345")
      expect(text(yield* connection.recvUntil("\r\n"))).toBe("line one\r\n")
      expect(text(yield* connection.recvUntil(new Uint8Array([13, 10])))).toBe("line two\r\n")
    }))

  it.scopedLive("fails with TooLarge when the delimiter does not come in time", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => void socket.write("x".repeat(5000)))
      const connection = yield* open(server.port)
      const error = yield* Effect.flip(connection.recvUntil("\n", { maxBytes: 100 }))
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "TooLarge", operation: "read" })
    }))

  it.scopedLive("serves several readers one after another, each whole", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const connection = yield* open(server.port)
      const readers = yield* Effect.forEach([3, 5, 2], (size) => fork(connection.recvExactly(size)))
      yield* yieldNow
      yield* connection.send("aaabb")
      yield* connection.send("bbbcc")
      expect((yield* Fiber.joinAll(readers)).map(text)).toEqual(["aaa", "bbbbb", "cc"])
    }))

  it.scopedLive(
    "sends the data of several writers whole, and holds them back while the peer does not read",
    () =>
      Effect.gen(function*() {
        let received = 0
        let changes = 0
        let last: number | undefined = undefined
        const note = (chunk: Buffer) => {
          // Compares every byte with the one before it.
          if (last !== undefined && chunk[0] !== last) changes++
          for (let i = 1; i < chunk.length; i++) if (chunk[i] !== chunk[i - 1]) changes++
          last = chunk.at(-1)
          received += chunk.length
        }
        let read = () => {}
        const server = yield* serve((socket) => {
          socket.pause()
          read = () => {
            socket.on("data", note)
            socket.resume()
          }
        })
        const connection = yield* open(server.port)
        const size = 2_000_000
        const writers = yield* Effect.forEach(
          [1, 2, 3, 4, 5, 6, 7, 8],
          (value) => fork(connection.send(new Uint8Array(size).fill(value)))
        )
        yield* eventually("a writer waits", () => connection.socket.writableNeedDrain)
        expect(exitOf(writers[7]!)).toBeUndefined()
        // Behind the one that is being sent the others have not been handed to the socket.
        expect(connection.socket.writableLength).toBeLessThanOrEqual(size)
        read()
        yield* Fiber.joinAll(writers)
        yield* eventually("all has come", () => received === 8 * size)
        expect(changes).toBe(7)
      })
  )

  it.scopedLive("holds a peer back that sends more than the holder reads", () =>
    Effect.gen(function*() {
      let written = 0
      const server = yield* serve((socket) => {
        const more = () => {
          while (written < 300_000_000 && !socket.destroyed) {
            written += 65_536
            if (!socket.write(new Uint8Array(65_536))) return void socket.once("drain", more)
          }
        }
        more()
      })
      const connection = yield* open(server.port)
      yield* connection.recv(1)
      // Without back-pressure that is when all has been written.
      yield* untilStuck(() => written)
      // The buffers: the kernel's two, one high-water mark, and the chunk that came last.
      expect(connection.socket.readableLength).toBeLessThanOrEqual(connection.socket.readableHighWaterMark + 65_536)
      expect(written).toBeLessThan(50_000_000)
    }))
})

describe("the peer's end", () => {
  it.scopedLive("gives what came before it, then fails with EndOfStream", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => void socket.end("half a fra"))
      const connection = yield* open(server.port)
      const error = yield* Effect.flip(connection.recvUntil("\n"))
      expect(error).toMatchObject({ reason: "EndOfStream", operation: "read", bytesIntoFrame: 10 })
      expect(text(yield* connection.recv())).toBe("half a fra")
      expect((yield* Effect.flip(connection.recv())).reason).toBe("EndOfStream")
      expect(connection.isConnected).toBe(false)
      yield* connection.closed
      expect(yield* Effect.flip(connection.send("x"))).toMatchObject({ operation: "write", reason: "EndOfStream" })
    }))

  it.scopedLive("fails a waiting read with Reset when the peer resets", () =>
    Effect.gen(function*() {
      const server = yield* serve(lines((_line, _reply, socket) => void socket.resetAndDestroy()))
      const connection = yield* open(server.port)
      yield* connection.send("go\n")
      expect(yield* Effect.flip(connection.recv())).toMatchObject({ reason: "Reset", code: "ECONNRESET" })
    }))

  it.scopedLive("fails a waiting write when the peer resets", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => void socket.pause())
      const connection = yield* open(server.port)
      const writer = yield* fork(Effect.flip(connection.send(new Uint8Array(50_000_000))))
      yield* eventually("the writer waits", () => connection.socket.writableNeedDrain)
      for (const socket of server.sockets) socket.resetAndDestroy()
      expect(yield* Fiber.join(writer)).toMatchObject({ operation: "write", reason: "Reset" })
    }))
})

describe("the connection's timeout", () => {
  it.scoped("fails a read that takes longer, and only then", () =>
    Effect.gen(function*() {
      const server = yield* serve(silent)
      const connection = yield* open(server.port, { timeout: "3 seconds" })
      const reader = yield* fork(Effect.flip(connection.recv()))
      yield* TestClock.adjust("2999 millis")
      expect(exitOf(reader)).toBeUndefined()
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(reader)).toMatchObject({ reason: "Timeout", operation: "read" })
    }))

  it.scopedLive("does not fire when the answer came while the event loop stood still", () =>
    Effect.gen(function*() {
      const { port } = yield* childProcess(
        `require("net").createServer((s)=>s.pipe(s)).listen(0,"127.0.0.1",function(){console.log(this.address().port)})`
      )
      const connection = yield* open(port, { timeout: "100 millis" })
      for (let i = 0; i < 5; i++) {
        const reader = yield* fork(connection.recvExactly(4))
        yield* Effect.promise(() => new Promise((next) => setImmediate(next)))
        yield* connection.send("ping")
        yield* Effect.promise(() => new Promise<void>((next) => process.nextTick(next)))
        // The deadline passes and the answer comes while nothing can run here.
        stallUntilArrived(port)
        expect(text(yield* Fiber.join(reader))).toBe("ping")
      }
    }))
})

describe("opening", () => {
  it.scopedLive("knows both ends", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const connection = yield* open(server.port)
      expect(connection.remoteAddress).toEqual({ _tag: "TcpAddress", hostname: "127.0.0.1", port: server.port })
      expect(connection.localAddress).toEqual({
        _tag: "TcpAddress",
        hostname: "127.0.0.1",
        port: [...server.sockets][0]!.remotePort
      })
      expect(connection.isConnected).toBe(true)
    }))

  it.scopedLive("closes with the scope, and the server sees it", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const scope = yield* Scope.make()
      const connection = yield* provideScope(open(server.port), scope)
      yield* connection.send("x")
      yield* Scope.close(scope, Exit.void)
      expect(socketsTo(server.port)).toEqual({})
      expect(yield* Effect.flip(connection.recv())).toMatchObject({ reason: "Released" })
      yield* eventually("the server has none left", () => server.sockets.size === 0)
    }))

  it.scopedLive("sends what was accepted before it closes", () =>
    Effect.gen(function*() {
      let got = 0
      const server = yield* serve((socket) => void socket.on("data", (chunk) => got += chunk.length))
      yield* Effect.scoped(
        Effect.flatMap(open(server.port), (connection) => connection.send(new Uint8Array(1_000_000)))
      )
      yield* eventually("all has come", () => got === 1_000_000)
    }))

  it.live("fails with Refused where nobody listens", () =>
    Effect.gen(function*() {
      const port = yield* Effect.scoped(Effect.map(serve(echo), (server) => server.port))
      expect(yield* Effect.flip(Effect.scoped(open(port)))).toMatchObject({
        _tag: "ConnectError",
        reason: "Refused",
        code: "ECONNREFUSED",
        address: `127.0.0.1:${port}`
      })
    }))

  it.live("names every address that it tried", () =>
    Effect.gen(function*() {
      const port = yield* Effect.scoped(Effect.map(serve(echo), (server) => server.port))
      const error = yield* Effect.flip(Effect.scoped(open(port, { host: "localhost" })))
      expect(error.reason).toBe("Refused")
      expect(error.message).toContain(`localhost:${port}`)
      for (const attempt of error.attempts) expect(attempt.code).toBe("ECONNREFUSED")
    }))

  it.live("fails with Dns for a name that does not resolve", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        Effect.scoped(open(1, { host: "no-such-host.invalid", connectTimeout: "20 seconds" }))
      )
      expect(error).toMatchObject({ reason: "Dns", address: "no-such-host.invalid:1" })
    }))

  /** A listener whose queue of connections is full: further ones get no answer at all. */
  const blackHole = Effect.tap(
    childProcess(
      `require("net").createServer().listen({port:0,host:"127.0.0.1",backlog:1},function(){console.log(this.address().port)})`
    ),
    ({ child }) => Effect.sync(() => child.kill("SIGSTOP"))
  )

  const filled = Effect.gen(function*() {
    const { port } = yield* blackHole
    // The queue takes two.
    yield* open(port)
    yield* open(port)
    return port
  })

  it.scopedLive("fails with Timeout when nobody answers, and leaves no socket", () =>
    Effect.gen(function*() {
      const port = yield* filled
      const error = yield* Effect.flip(Effect.scoped(open(port, { connectTimeout: "200 millis" })))
      expect(error).toMatchObject({ _tag: "ConnectError", reason: "Timeout" })
      expect(socketsTo(port)).toEqual({ ESTABLISHED: 2 })
    }))

  it.scopedLive("does not run out of time when it was connected while the event loop stood still", () =>
    Effect.gen(function*() {
      const { port } = yield* childProcess(
        `require("net").createServer((s)=>s.pipe(s)).listen(0,"127.0.0.1",function(){console.log(this.address().port)})`
      )
      for (let i = 0; i < 5; i++) {
        const opening = yield* fork(open(port, { connectTimeout: "100 millis" }))
        // Far enough to have begun, without a look at what the kernel has.
        for (let step = 0; step < 50; step++) yield* Effect.promise(() => Promise.resolve())
        // The kernel connects and the deadline passes while nothing can run here.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
        expect((yield* Fiber.join(opening)).isConnected).toBe(true)
      }
    }))

  it.scopedLive("gives up at once when it is interrupted, and leaves no socket", () =>
    Effect.gen(function*() {
      const port = yield* filled
      const fiber = yield* fork(Effect.scoped(open(port)))
      yield* eventually("it is trying", () => socketsTo(port).SYN_SENT === 1)
      yield* Fiber.interrupt(fiber)
      expect(socketsTo(port)).toEqual({ ESTABLISHED: 2 })
    }))
})

describe("wrong arguments", () => {
  const defects: ReadonlyArray<[Partial<TcpConnection.Options>, string]> = [
    [{ host: "" }, "host must be a string that is not empty"],
    [{ port: 0 }, "port must be a whole number from 1 to 65535, but is 0"],
    [{ port: 70_000 }, "port must be a whole number from 1 to 65535, but is 70000"],
    [{ port: 1.5 }, "port must be a whole number"],
    [{ connectTimeout: 0 }, "connectTimeout must be a duration of more than 0, but is 0"],
    [{ timeout: -5 }, "timeout must be a duration of more than 0, but is -5"]
  ]
  for (const [options, rule] of defects) {
    it.effect(`of open are a defect: ${rule}`, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Effect.scoped(open(1, options)))
        const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
        expect(reasonOf(cause)).toBe("Die")
        expect(Cause.pretty(cause)).toContain(rule)
      }))
  }

  it.scopedLive("of a read are a defect that names the argument", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const connection = yield* open(server.port)
      const reads = [
        connection.recv(0),
        connection.recvExactly(-1),
        connection.recvUntil(""),
        connection.recvUntil("ab", { maxBytes: 1 })
      ]
      const exits = yield* Effect.forEach(reads, Effect.exit)
      expect(exits.map((exit) => Exit.isFailure(exit) && reasonOf(exit.cause))).toEqual(["Die", "Die", "Die", "Die"])
      expect(yield* result(connection.recvExactly(0))).toMatchObject({ _tag: "Success" })
    }))
})
