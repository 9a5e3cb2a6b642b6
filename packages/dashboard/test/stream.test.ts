// A real server on a random loopback port.
import { Snapshot } from "@socketpool/dashboard"
import { async, decode, provideScope } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Exit, Scope, Stream } from "effect"
import * as net from "node:net"
import { Outbox } from "../src/internal/outbox.js"
import { Backend } from "./fixtures/backend.js"
import { ask, follow, serve, until } from "./fixtures/http.js"

describe("the stream", () => {
  it.scopedLive("sends a snapshot at once and one each interval", () =>
    Effect.gen(function*() {
      yield* new Backend().pool({ name: "orders" })
      const { url } = yield* serve()
      const { headers, received } = yield* follow(`${url}api/stream`)
      yield* until(() => received.length >= 4)
      expect(headers["content-type"]).toBe("text/event-stream")
      const snapshots = yield* Effect.forEach(received, ({ data, event }) => {
        expect(event).toBe("pools")
        return decode(Snapshot.Snapshot, data)
      })
      expect(snapshots.every(({ pools }) => pools[0]!.name === "orders")).toBe(true)
      expect(snapshots[3]!.at).toBeGreaterThan(snapshots[1]!.at)
    }))

  it.scopedLive("sends a pool's notices with its number, and no lease events", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const { received } = yield* follow(`${url}api/stream`)
      const backend = new Backend()
      // Made after the stream.
      const pool = yield* backend.pool({ name: "late", maxConnections: 1 })
      const { json: { pools: [{ id }] } } = yield* ask(`${url}api/pools`)
      yield* pool.use(() => Effect.void)
      yield* pool.clear
      backend.isUp = false
      yield* Effect.ignore(pool.use(() => Effect.void))
      const notices = () => received.filter(({ event }) => event === "notice").map(({ data }) => data)
      yield* until(() => notices().length >= 4)
      expect(notices()).toMatchObject([
        { id, _tag: "Opened", pool: "late", connectionId: 1 },
        { id, _tag: "Cleared", pool: "late" },
        { id, _tag: "Closed", pool: "late", reason: "Cleared" },
        { id, _tag: "OpenFailed", pool: "late", error: "ConnectError: connect ECONNREFUSED 10.0.0.7:5432" }
      ])
    }))

  it.scopedLive("includes pools made later", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const { received } = yield* follow(`${url}api/stream`)
      yield* until(() => received.length > 1)
      yield* new Backend().pool({ name: "new" })
      yield* until(() => received.at(-1)!.data.pools?.[0]?.name === "new")
    }))

  it.scopedLive("serves other readers while one is stuck, and closes without waiting for either", () =>
    Effect.gen(function*() {
      const pool = yield* new Backend().pool({ name: "x".repeat(10_000), maxConnections: 1 })
      const scope = yield* Scope.make()
      const { url } = yield* provideScope(serve(), scope)
      const stuck = yield* Effect.acquireRelease(
        async<net.Socket>((resume) => {
          const socket = net.connect(Number(new URL(url).port), "127.0.0.1", () => resume(Effect.succeed(socket)))
          socket.on("error", () => {}).pause()
        }),
        (socket) => Effect.sync(() => socket.destroy())
      )
      stuck.write("GET /api/stream HTTP/1.1\r\nhost: localhost\r\n\r\n")
      const reader = yield* follow(`${url}api/stream`)
      const count = (event: string) => reader.received.filter((received) => received.event === event).length
      // More than the buffers of the stuck reader hold.
      for (let i = 1; i <= 40; i++) {
        for (let j = 0; j < 25; j++) yield* pool.use((connection) => pool.drop(connection))
        yield* until(() => count("notice") >= Math.min(i * 50, 256))
      }
      const before = count("pools")
      yield* until(() => count("pools") > before)
      const began = Date.now()
      yield* Scope.close(scope, Exit.void)
      expect(Date.now() - began).toBeLessThan(10_000)
      yield* until(reader.hasEnded)
    }))

  it.scopedLive("ends cleanly and quickly when the scope closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { url } = yield* provideScope(serve(), scope)
      const streams = yield* Effect.all(Array.from({ length: 5 }, () => follow(`${url}api/stream`)))
      yield* until(() => streams.every(({ received }) => received.length > 0))
      const began = Date.now()
      yield* Scope.close(scope, Exit.void)
      expect(Date.now() - began).toBeLessThan(10_000)
      yield* until(() => streams.every(({ hasEnded }) => hasEnded()))
    }))

  it.scopedLive("accepts 64 readers, and another once one has left", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const scope = yield* Scope.make()
      yield* provideScope(follow(`${url}api/stream`), scope)
      const others = yield* Effect.all(Array.from({ length: 63 }, () => follow(`${url}api/stream`)))
      yield* until(() => others.every(({ received }) => received.length > 0))
      expect((yield* ask(`${url}api/stream`)).status).toBe(503)
      yield* Scope.close(scope, Exit.void)
      let status = 503
      yield* Effect.repeat(
        Effect.scoped(Effect.map(follow(`${url}api/stream`), (stream) => status = stream.status)),
        { until: () => status === 200 }
      )
    }))
})

describe("a slow reader", () => {
  it.effect("gets the newest snapshot and the newest 256 notices", () =>
    Effect.gen(function*() {
      const outbox = new Outbox()
      for (let i = 0; i < 10_000; i++) {
        outbox.putNotice(`notice ${i}\n`, i)
        outbox.putSnapshot(`snapshot ${i}\n`, i)
      }
      const first = yield* outbox.frames.pipe(Stream.take(1), Stream.decodeText(), Stream.mkString)
      const lines = first.trimEnd().split("\n")
      expect(lines).toHaveLength(257)
      expect([lines[0], lines.at(-2), lines.at(-1)]).toEqual(["notice 9744", "notice 9999", "snapshot 9999"])
    }))
})
