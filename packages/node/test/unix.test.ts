// Real Unix sockets in a directory of their own.
import { Pool } from "@socketpool/core"
import { UnixConnection, UnixPool, UnixPoolLive } from "@socketpool/node"
import { exitOf, fork, reasonOf } from "@socketpool/test-seam"
import { describe, expect, it, vi } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Exit, Fiber, Schedule, type Scope } from "effect"
import { spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { unixSockets } from "./fixtures/census.js"
import { echo, eventually, silent } from "./fixtures/server.js"
import { directory, listenAt, serveUnix } from "./fixtures/unixServer.js"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const briefly = Schedule.spaced("1 millis")

/** A path in the directory that has so many bytes. */
const pathOf = (bytes: number, directory: string): string =>
  path.join(directory, "x".repeat(bytes - Buffer.byteLength(directory) - 1))

/** A server in a process of its own that accepts nothing while it is stopped; its queue takes two. */
const stopped = Effect.gen(function*() {
  const at = path.join(yield* directory, "busy.sock")
  const program = `require("net").createServer((socket) => socket.pipe(socket))
    .listen({ path: ${JSON.stringify(at)}, backlog: 1 }, () => console.log("listening"))`
  const child = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn(process.execPath, ["-e", program])
      await new Promise((listening) => child.stdout.once("data", listening))
      return child
    }),
    (child) =>
      Effect.promise(() =>
        new Promise<void>((gone) => {
          child.on("close", () => gone())
          child.kill("SIGKILL")
        })
      )
  )
  child.kill("SIGSTOP")
  yield* eventually("it has stopped", () => fs.readFileSync(`/proc/${child.pid}/stat`, "utf8").includes(") T "))
  return { path: at, child }
})

/** Counts the attempts to connect. */
const attempts = Effect.acquireRelease(
  Effect.sync(() => vi.spyOn(net.Socket.prototype, "connect")),
  (spy) => Effect.sync(() => spy.mockRestore())
)

const leavesNothing = <A, E>(body: Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function*() {
    const before = unixSockets()
    yield* Effect.scoped(body)
    yield* eventually("no socket is left", () => unixSockets() === before)
  })

describe("a connection to a Unix socket", () => {
  it.scopedLive("sends and receives", () =>
    Effect.gen(function*() {
      const server = yield* serveUnix(echo)
      const connection = yield* UnixConnection.open({ path: server.path })
      yield* connection.send("hello")
      expect(text(yield* connection.recvExactly(5))).toBe("hello")
    }))

  it.scopedLive("has the path as the peer's address, and none of its own", () =>
    Effect.gen(function*() {
      const server = yield* serveUnix(echo)
      const connection = yield* UnixConnection.open({ path: server.path })
      expect(connection.remoteAddress).toEqual({ _tag: "UnixAddress", path: server.path })
      expect(connection.localAddress).toEqual({ _tag: "UnixAddress", path: "" })
      expect(JSON.parse(JSON.stringify(connection))).toEqual({
        _id: "@socketpool/node/UnixConnection",
        address: server.path,
        isConnected: true
      })
    }))

  it.live("sends everything before it closes, and leaves nothing", () =>
    leavesNothing(Effect.gen(function*() {
      let got = 0
      let ended = false
      const server = yield* serveUnix((socket) =>
        void socket.on("data", (chunk) => got += chunk.length).on("end", () => ended = true)
      )
      const before = unixSockets()
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* UnixConnection.open({ path: server.path })
        yield* connection.send(new Uint8Array(1_000_000))
      }))
      yield* eventually("the server has all and the end", () => ended && server.sockets.size === 0)
      expect(got).toBe(1_000_000)
      expect(unixSockets()).toBe(before)
    })))

  it.scopedLive("tells a reader of the peer's end by the path", () =>
    Effect.gen(function*() {
      const server = yield* serveUnix((socket) => void socket.end("bye"))
      const connection = yield* UnixConnection.open({ path: server.path })
      expect(text(yield* connection.recvExactly(3))).toBe("bye")
      expect(yield* Effect.flip(connection.recv())).toMatchObject({ reason: "EndOfStream", address: server.path })
    }))
})

describe("opening", () => {
  it.scopedLive("fails with Refused and ENOENT when nobody has made the socket", () =>
    Effect.gen(function*() {
      const missing = path.join(yield* directory, "missing.sock")
      const error = yield* Effect.flip(UnixConnection.open({ path: missing }))
      expect(error).toMatchObject({ _tag: "ConnectError", reason: "Refused", code: "ENOENT", address: missing })
      expect(error.message).toContain(missing)
    }))

  it.scopedLive("fails with Refused and ECONNREFUSED when the server has left its file behind", () =>
    Effect.gen(function*() {
      const stale = path.join(yield* directory, "stale.sock")
      spawnSync(process.execPath, [
        "-e",
        `require("net").createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, "SIGKILL"))`
      ])
      expect(fs.existsSync(stale)).toBe(true)
      const error = yield* Effect.flip(UnixConnection.open({ path: stale }))
      expect(error).toMatchObject({ _tag: "ConnectError", reason: "Refused", code: "ECONNREFUSED", address: stale })
    }))

  it.scopedLive("fails with Refused when the file is no socket", () =>
    Effect.gen(function*() {
      const file = path.join(yield* directory, "file")
      fs.writeFileSync(file, "")
      expect(yield* Effect.flip(UnixConnection.open({ path: file }))).toMatchObject({
        reason: "Refused",
        code: "ECONNREFUSED"
      })
    }))

  it.scopedLive("takes a path of 107 bytes", () =>
    Effect.gen(function*() {
      const longest = pathOf(107, yield* directory)
      expect(Buffer.byteLength(longest)).toBe(107)
      yield* listenAt(longest, echo)
      const connection = yield* UnixConnection.open({ path: longest })
      yield* connection.send("x")
      expect(text(yield* connection.recvExactly(1))).toBe("x")
    }))

  for (const bytes of [108, 109, 200]) {
    it.scopedLive(`fails with PathTooLong for a path of ${bytes} bytes and connects nowhere`, () =>
      Effect.gen(function*() {
        const home = yield* directory
        const long = pathOf(bytes, home)
        expect(Buffer.byteLength(long)).toBe(bytes)
        // The place to which a path that is cut would lead.
        const others = yield* Effect.forEach([106, 107], (length) => listenAt(long.slice(0, length), echo))
        const calls = yield* attempts
        const expected = { _tag: "ConnectError", reason: "PathTooLong", address: long }
        expect(yield* Effect.flip(UnixConnection.open({ path: long }))).toMatchObject(expected)
        const pool = yield* UnixPool.make({ path: long })
        expect(yield* Effect.flip(pool.use(() => Effect.void))).toMatchObject(expected)
        expect(calls).not.toHaveBeenCalled()
        expect(others.map((server) => server.accepted())).toEqual([0, 0])
      }))
  }

  it.scopedLive("counts the bytes of a path and not its characters", () =>
    Effect.gen(function*() {
      const home = yield* directory
      const long = path.join(home, "é".repeat(60))
      expect(long.length).toBeLessThan(107)
      expect(yield* Effect.flip(UnixConnection.open({ path: long }))).toMatchObject({ reason: "PathTooLong" })
      const short = path.join(home, "é".repeat(20))
      yield* listenAt(short, silent)
      yield* UnixConnection.open({ path: short })
    }))

  it.effect("rejects an empty path as a defect that names it", () =>
    Effect.gen(function*() {
      for (const effect of [UnixConnection.open({ path: "" }), UnixPool.make({ path: "" })]) {
        const exit = yield* Effect.exit(Effect.scoped(effect as Effect.Effect<unknown, unknown, Scope.Scope>))
        expect(Exit.isFailure(exit) && reasonOf(exit.cause)).toBe("Die")
        expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("path must be a string that is not empty")
      }
    }))
})

describe("a server whose queue is full", () => {
  it.scopedLive("is tried again until it accepts", () =>
    Effect.gen(function*() {
      const { child, path } = yield* stopped
      const calls = yield* attempts
      yield* UnixConnection.open({ path })
      yield* UnixConnection.open({ path })
      const third = yield* fork(UnixConnection.open({ path, connectTimeout: "1 minute" }))
      yield* eventually("it has been tried several times", () => calls.mock.calls.length >= 5)
      expect(exitOf(third)).toBeUndefined()
      child.kill("SIGCONT")
      const connection = yield* Fiber.join(third)
      yield* connection.send("at last")
      expect(text(yield* connection.recvExactly(7))).toBe("at last")
    }))

  it.scopedLive("is ConnectError Timeout when it does not accept within connectTimeout, and no socket is left", () =>
    Effect.gen(function*() {
      const { path } = yield* stopped
      yield* UnixConnection.open({ path })
      yield* UnixConnection.open({ path })
      const before = unixSockets()
      const error = yield* Effect.flip(UnixConnection.open({ path, connectTimeout: "100 millis" }))
      expect(error).toMatchObject({ _tag: "ConnectError", reason: "Timeout", address: path })
      expect(unixSockets()).toBe(before)
    }))

  it.scopedLive("is not tried any more after an interrupt", () =>
    Effect.gen(function*() {
      const { path } = yield* stopped
      yield* UnixConnection.open({ path })
      yield* UnixConnection.open({ path })
      const before = unixSockets()
      const calls = yield* attempts
      const third = yield* fork(UnixConnection.open({ path, connectTimeout: "1 minute" }))
      yield* eventually("it has been tried", () => calls.mock.calls.length >= 2)
      yield* Fiber.interrupt(third)
      expect(unixSockets()).toBe(before)
    }))

  it.scopedLive(
    "fails a pool's borrower with Timeout and serves the next one once it accepts",
    () =>
      Effect.gen(function*() {
        const { child, path } = yield* stopped
        yield* UnixConnection.open({ path })
        yield* UnixConnection.open({ path })
        const pool = yield* UnixPool.make({ path, connectTimeout: "300 millis", maxConnections: 1 })
        expect(yield* Effect.flip(pool.use(() => Effect.void))).toMatchObject({ reason: "Timeout" })
        yield* Effect.repeat(pool.stats, { until: (stats) => stats.opening === 0, schedule: briefly })
        expect(yield* pool.stats).toMatchObject({ idle: 0, inUse: 0, opened: 0, openFailed: 1 })
        child.kill("SIGCONT")
        const answer = yield* Effect.retry(
          pool.use((connection) => Effect.andThen(connection.send("x"), connection.recvExactly(1))),
          Schedule.recurs(100)
        )
        expect(text(answer)).toBe("x")
      })
  )
})

describe("a pool of connections to a Unix socket", () => {
  it.scopedLive("is called by its path", () =>
    Effect.gen(function*() {
      const { path } = yield* serveUnix(echo)
      expect((yield* UnixPool.make({ path })).name).toBe(`unix:${path}`)
      expect((yield* UnixPool.make({ path, name: "mine" })).name).toBe("mine")
    }))

  it.scopedLive("is a service with UnixPoolLive", () =>
    Effect.gen(function*() {
      const { path } = yield* serveUnix(echo)
      const answer = yield* Pool.use((connection) =>
        Effect.andThen(connection.send("hello"), connection.recvExactly(5))
      ).pipe(Effect.provide(UnixPoolLive(path, { maxConnections: 1 })))
      expect(text(answer)).toBe("hello")
    }))
})
