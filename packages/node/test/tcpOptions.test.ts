// Real sockets on loopback: the options of a TCP connection.
import { TcpConnection, TcpPool } from "@socketpool/node"
import { exitOf, fork, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it, vi } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import type * as net from "node:net"
import { keepAlivesTo, socketsTo } from "./fixtures/census.js"
import { echo, eventually, serve, silent } from "./fixtures/server.js"
import { open } from "./fixtures/tcpClient.js"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

describe("lookup", () => {
  it.scopedLive("resolves the name instead of the system, for every connection", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const asked: Array<string> = []
      const pool = yield* TcpPool.make({
        host: "cache.internal",
        port: server.port,
        lookup: (host) => Effect.sync(() => (asked.push(host), ["127.0.0.1"]))
      })
      const ping = (connection: TcpConnection.TcpConnection) =>
        Effect.andThen(connection.send("ping"), connection.recvExactly(4))
      expect(text(yield* pool.use(ping))).toBe("ping")
      yield* pool.clear
      expect(text(yield* pool.use(ping))).toBe("ping")
      expect(asked).toEqual(["cache.internal", "cache.internal"])
    }))

  it.scopedLive("returns addresses that are tried in turn, and all are named in the error if none works", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const lookup = () => Effect.succeed(["::1", "127.0.0.1"])
      const connection = yield* open(server.port, { host: "both.internal", lookup })
      expect(connection.remoteAddress.hostname).toBe("127.0.0.1")
      yield* Effect.promise(() => server.stop())
      const error = yield* Effect.flip(open(server.port, { host: "both.internal", lookup }))
      expect(error.reason).toBe("Refused")
      expect(error.attempts.map(({ address }) => address)).toEqual([`[::1]:${server.port}`, `127.0.0.1:${server.port}`])
      yield* Effect.promise(() => server.start())
    }))

  it.scopedLive("does not run for an IP address", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      yield* open(server.port, { lookup: () => Effect.die("asked") })
    }))

  const failures: ReadonlyArray<readonly [string, NonNullable<TcpConnection.Options["lookup"]>, object]> = [
    ["fails", () => Effect.fail({ code: "ENOTFOUND" }), { code: "ENOTFOUND", cause: { code: "ENOTFOUND" } }],
    ["returns no address", () => Effect.succeed([]), {
      cause: { message: "lookup returned no address for name.internal" }
    }],
    ["returns something that is no address", () => Effect.succeed(["10.0.0.300"]), {
      cause: { message: "lookup returned 10.0.0.300 for name.internal, which is no IP address" }
    }],
    ["returns garbage", () => Effect.succeed(null as never), {
      cause: { message: "lookup returned no address for name.internal" }
    }],
    // A resolver without descriptors or memory says nothing about the name.
    ...["EMFILE", "EBUSY", "EAI_MEMORY"].map((code) =>
      [`fails with ${code}`, () => Effect.fail({ code }), { reason: "LocalResources", code }] as const
    )
  ]
  it.live.each(failures)(
    "that %s causes a ConnectError with its own reason, and the pool stays usable",
    ([, lookup, expected]) =>
      Effect.scoped(Effect.gen(function*() {
        const pool = yield* TcpPool.make({ host: "name.internal", port: 1, lookup })
        const error = yield* Effect.flip(pool.use(() => Effect.void))
        expect(error).toMatchObject({ _tag: "ConnectError", reason: "Dns", address: "name.internal:1", ...expected })
        expect(yield* pool.stats).toMatchObject({ opening: 0, inUse: 0, openFailed: 1 })
      }))
  )

  it.scopedLive("that never answers times out at connectTimeout, and one that throws is a defect", () =>
    Effect.gen(function*() {
      const options = { host: "name.internal", connectTimeout: "20 millis" } as const
      const error = yield* Effect.flip(open(1, { ...options, lookup: () => Effect.never }))
      expect(error).toMatchObject({ reason: "Timeout", address: "name.internal:1" })
      const exit = yield* Effect.exit(
        open(1, {
          ...options,
          lookup: () => {
            throw new Error("the resolver's")
          }
        })
      )
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("the resolver's")
    }))
})

describe("keepAlive", () => {
  const keepAlives = (options: Partial<TcpConnection.Options>) =>
    Effect.gen(function*() {
      const server = yield* serve(silent)
      yield* open(server.port, options)
      return keepAlivesTo(server.port)
    })
  const both = { host: "both.internal", lookup: () => Effect.succeed(["::1", "127.0.0.1"]) }

  const silences: ReadonlyArray<readonly [string, Partial<TcpConnection.Options>, number]> = [
    ["after a minute by default", {}, 60],
    ["after a minute with true", { keepAlive: true }, 60],
    ["after a minute on every address", both, 60],
    ["after the given duration", { keepAlive: "100 seconds" }, 100]
  ]
  it.scopedLive.each(silences)(
    "makes the kernel probe a silent peer %s",
    ([, options, silence]) =>
      Effect.gen(function*() {
        const found = yield* keepAlives(options)
        expect(found).toHaveLength(1)
        expect(found[0]).toBeGreaterThan(silence - 30)
        expect(found[0]).toBeLessThanOrEqual(silence)
      })
  )

  it.scopedLive("can be off", () =>
    Effect.gen(function*() {
      expect(yield* keepAlives({ keepAlive: false })).toEqual([])
    }))
})

describe("noDelay", () => {
  it.scopedLive("is on by default", () =>
    Effect.gen(function*() {
      const server = yield* serve(silent)
      const first = yield* open(server.port, {})
      // No table of the system shows it, so this checks what Node tells the system.
      const { _handle: handle } = first.socket as unknown as { _handle: { setNoDelay: (on: boolean) => void } }
      const told = vi.spyOn(Object.getPrototypeOf(handle) as typeof handle, "setNoDelay")
      yield* Effect.addFinalizer(() => Effect.sync(() => told.mockRestore()))
      yield* open(server.port, {})
      yield* open(server.port, { noDelay: true })
      expect(told.mock.calls).toEqual([[true], [true]])
      yield* open(server.port, { noDelay: false })
      expect(told).toHaveBeenCalledTimes(2)
    }))
})

describe("highWaterMark", () => {
  it.scopedLive("is the socket's, in both directions", () =>
    Effect.gen(function*() {
      const server = yield* serve(silent)
      const connection = yield* open(server.port, { highWaterMark: 100 })
      expect(connection.socket.writableHighWaterMark).toBe(100)
      expect(connection.socket.readableHighWaterMark).toBe(100)
    }))
})

describe("allowHalfOpen", () => {
  const parting = (socket: net.Socket) => {
    socket.end("bye")
    let got = ""
    socket.on("data", (chunk) => got += chunk.toString())
    socket.on("end", () => heard.push(got))
  }
  const heard: Array<string> = []

  it.scopedLive("lets a holder send after the peer's end, and closes the connection afterwards", () =>
    Effect.gen(function*() {
      const server = yield* serve(parting)
      const pool = yield* TcpPool.make({ host: "127.0.0.1", port: server.port, allowHalfOpen: true })
      yield* pool.use((connection) =>
        Effect.gen(function*() {
          expect(text(yield* connection.recvExactly(3))).toBe("bye")
          expect(yield* Effect.flip(connection.recv())).toMatchObject({ reason: "EndOfStream" })
          yield* connection.send("and you")
        })
      )
      yield* eventually("the server has heard it", () => heard.length === 1)
      expect(heard).toEqual(["and you"])
      yield* eventually("it is closed", () => server.sockets.size === 0)
      expect((yield* pool.stats).closed).toMatchObject({ Discarded: 1 })
    }))

  it.scopedLive("is off by default: the peer's end ends the connection", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => void socket.end("bye"))
      const connection = yield* open(server.port, {})
      expect(text(yield* connection.recvExactly(3))).toBe("bye")
      expect(yield* Effect.flip(connection.recv())).toMatchObject({ reason: "EndOfStream" })
      expect(yield* Effect.flip(connection.send("x"))).toMatchObject({ reason: "EndOfStream", operation: "write" })
    }))
})

describe("shutdown", () => {
  it.scopedLive("sends the accepted data and the end, and still reads", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => {
        let size = 0
        socket.on("data", (chunk) => size += chunk.length)
        socket.on("end", () => void socket.end(String(size)))
      })
      const connection = yield* open(server.port, {})
      const sending = yield* fork(connection.send(new Uint8Array(3_000_000)))
      yield* yieldNow
      yield* connection.shutdown
      yield* Fiber.join(sending)
      expect(text(yield* connection.recvExactly(7))).toBe("3000000")
    }))
})

describe("sends in one turn", () => {
  it.scopedLive("go out in one system call, in order", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const connection = yield* open(server.port, {})
      const { socket } = connection
      const calls: Array<number> = []
      const writev = socket._writev!.bind(socket)
      const write = socket._write.bind(socket)
      socket._writev = (chunks, done) => {
        calls.push(chunks.length)
        writev(chunks, done)
      }
      socket._write = (chunk, encoding, done) => {
        calls.push(1)
        write(chunk, encoding, done)
      }
      for (let i = 0; i < 100; i++) yield* connection.send(`${i},`)
      const all = Array.from({ length: 100 }, (_, i) => `${i},`).join("")
      expect(text(yield* connection.recvExactly(all.length))).toBe(all)
      expect(calls).toEqual([100])
    }))

  it.scopedLive("of several fibers go out together, too", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const connection = yield* open(server.port, {})
      const { socket } = connection
      let calls = 0
      const writev = socket._writev!.bind(socket)
      socket._writev = (chunks, done) => {
        calls++
        writev(chunks, done)
      }
      yield* Effect.forEach([1, 2, 3, 4, 5], (i) => connection.send(String(i)), { concurrency: "unbounded" })
      expect(text(yield* connection.recvExactly(5))).toBe("12345")
      expect(calls).toBe(1)
    }))
})

describe("a send that fills the buffer", () => {
  it.scopedLive("goes out at once, and does not wait if the system takes it", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const connection = yield* open(server.port, {})
      const { socket } = connection
      const data = new Uint8Array(socket.writableHighWaterMark)
      const sending = yield* fork(connection.send(data))
      // Before the event loop's next turn, in which the socket would report that it has drained.
      yield* yieldNow
      expect(socket.writableLength).toBe(0)
      expect(exitOf(sending)).toEqual(Exit.void)
      expect(yield* connection.recvExactly(data.length)).toHaveLength(data.length)
    }))
})

describe("a polluted prototype", () => {
  it.scopedLive("sets no option", () =>
    Effect.gen(function*() {
      const server = yield* serve(silent)
      const polluted = Object.prototype as Record<string, unknown>
      const set = { host: "127.0.0.1", timeout: "nonsense", connectTimeout: "nonsense", lookup: "nonsense" }
      const clean = Effect.sync(() => {
        for (const option of Object.keys(set)) delete polluted[option]
      })
      yield* Effect.addFinalizer(() => clean)
      Object.assign(polluted, set)
      const connection = yield* open(server.port, {})
      const withoutHost = { port: server.port } as TcpConnection.Options
      const exit = yield* Effect.exit(Effect.scoped(TcpConnection.open(withoutHost)))
      yield* clean
      expect(connection.isConnected).toBe(true)
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("host must be a string that is not empty")
    }))
})

describe("invalid options", () => {
  it.live.each<readonly [string, object]>([
    ["localAddress must be an IP address, but is \"somewhere\"", { localAddress: "somewhere" }],
    ["attemptTimeout must be at least 10 ms, but is 5", { attemptTimeout: 5 }],
    ["keepAlive must be a duration of more than 0, but is 0", { keepAlive: 0 }],
    ["keepAlive must be a boolean or a duration of whole seconds, at most 32767, but is 1500", { keepAlive: 1500 }],
    ["keepAlive must be a boolean or a duration of whole seconds, at most 32767, but is \"1 day\"", {
      keepAlive: "1 day"
    }],
    ["highWaterMark must be a whole number of at least 1, but is 0.5", { highWaterMark: 0.5 }]
  ])("are a defect: %s", ([message, options]) =>
    Effect.gen(function*() {
      for (const  of of["TcpConnection", "TcpPool"] as const) {
        const making = of === "TcpPool" ?
          TcpPool.make({ host: "127.0.0.1", port: 1, ...options }) :
          open(1, options)
        const exit = yield* Effect.exit(Effect.scoped(Effect.asVoid(making as typeof making & Effect.Effect<unknown>)))
        expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain(`${of}: ${message}`)
      }
    }))
})

describe("an interrupted open", () => {
  it.scopedLive("leaves no socket, however far it got", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      for (let steps = 0; steps < 30; steps++) {
        const fiber = yield* fork(
          Effect.scoped(
            Effect.andThen(open(server.port, { lookup: () => Effect.succeed(["127.0.0.1"]) }), Effect.never)
          )
        )
        for (let i = 0; i < steps; i++) yield* Effect.promise(() => Promise.resolve())
        yield* Fiber.interrupt(fiber)
      }
      yield* eventually("the server has no connection left", () => server.sockets.size === 0)
      expect(socketsTo(server.port)).toEqual({})
    }))
})
