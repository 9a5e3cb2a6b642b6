// A real server: notifications.
import { collect, fork } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import * as net from "node:net"
import { installed, postgres } from "../../node/test/fixtures/postgres.js"
import { isMissing, shared } from "../../node/test/fixtures/realServer.js"
import { closedBy, until } from "../../node/test/fixtures/server.js"
import { ours } from "./fixtures/clients.js"

describe.skipIf(isMissing("postgresql", installed))("listen", () => {
  const server = shared(postgres)

  /** Whether a connection has just been told to listen to this channel. */
  const isListening = (name: string) =>
    Effect.sync(() =>
      server().psql(`select 1 from pg_stat_activity where query = 'LISTEN "${name}"' and state = 'idle'`) === "1"
    )
  const listening = (name: string) => until(isListening(name), (is) => is)

  it.scopedLive("emits the notifications of its channel in order, those without a text as well", () =>
    Effect.gen(function*() {
      const sql = yield* ours(server())
      const fiber = yield* fork(collect(Stream.take(sql.listen("News \"1\""), 3)))
      yield* until(
        Effect.sync(() =>
          server().psql("select count(*) from pg_stat_activity where query like 'LISTEN%' and state = 'idle'")
        ),
        (n) => n === "1"
      )
      yield* sql.notify("News \"1\"", "first")
      yield* sql.notify("other", "no")
      yield* sql.notify("News \"1\"", "")
      yield* sql.notify("News \"1\"", "third")
      expect(yield* Fiber.join(fiber)).toEqual(["first", "", "third"])
    }))

  it.scopedLive("keeps a connection for as long as the stream runs, and returns it without its channel", () =>
    Effect.gen(function*() {
      const sql = yield* ours(server(), { maxConnections: 1 })
      const fiber = yield* fork(Stream.runDrain(sql.listen("kept")))
      yield* listening("kept")
      expect((yield* sql.pool.stats).inUse).toBe(1)
      expect((yield* sql.pool.leases).length).toBe(1)
      yield* Fiber.interrupt(fiber)
      expect(yield* sql`select pg_listening_channels() name`).toEqual([])
      expect(yield* closedBy(sql)).toBe(0)
    }))

  it.scopedLive("notifies when the transaction commits, and not before", () =>
    Effect.gen(function*() {
      const sql = yield* ours(server())
      const seen: Array<string> = []
      const fiber = yield* fork(
        Stream.runForEach(Stream.take(sql.listen("committed"), 2), (text) => Effect.sync(() => seen.push(text)))
      )
      yield* listening("committed")
      yield* Effect.ignore(sql.withTransaction(Effect.andThen(sql.notify("committed", "no"), Effect.fail("no"))))
      yield* sql.withTransaction(
        Effect.gen(function*() {
          yield* sql.notify("committed", "inside")
          const connection = yield* sql.pool.get
          yield* connection.sql.execute("select pg_notify('committed', 'outside')", [], undefined)
          yield* until(Effect.sync(() => seen.length), (n) => n === 1)
        }).pipe(Effect.scoped)
      )
      yield* Fiber.join(fiber)
      expect(seen).toEqual(["outside", "inside"])
    }))

  it.scopedLive("fails when its connection ends, and says what is lost", () =>
    Effect.gen(function*() {
      const sql = yield* ours(server())
      const fiber = yield* fork(Effect.flip(Stream.runDrain(sql.listen("ended"))))
      yield* listening("ended")
      server().psql("select pg_terminate_backend(pid) from pg_stat_activity where query = 'LISTEN \"ended\"'")
      const error = yield* Fiber.join(fiber)
      expect(error._tag).toBe("SqlError")
      expect(error.message).toContain("The connection that listened to \"ended\" has ended")
      expect(error.message).toContain("lost until the stream is retried")
      expect(yield* sql`select 1 n`).toEqual([{ n: 1 }])
    }))

  it.scopedLive("fails when its reader is too far behind, and drops nothing unnoticed", () =>
    Effect.gen(function*() {
      let received = ""
      const socket = () => {
        const socket = new net.Socket()
        socket.on("data", (bytes) => {
          received = (received + bytes.toString("latin1")).slice(-100_000)
        })
        return socket
      }
      const sql = yield* ours(server(), { driver: { stream: socket } })
      const go = yield* Deferred.make<void>()
      const texts: Array<string> = []
      const fiber = yield* fork(Effect.flip(Stream.runForEach(sql.listen("slow"), (text) =>
        Effect.andThen(
          Effect.sync(() => texts.push(text)),
          Deferred.await(go)
        ))))
      yield* listening("slow")
      yield* sql.notify("slow", "0")
      yield* until(
        Effect.sync(() => texts.length),
        (n) => n === 1
      )
      yield* sql`select pg_notify('slow', n::text) from generate_series(1, 65537) n`
      yield* sql`select pg_notify('slow', 'after')`
      yield* until(Effect.sync(() => received.includes("after\0")), (is) => is)
      yield* Deferred.succeed(go, undefined)
      const error = yield* Fiber.join(fiber)
      expect(error.message).toContain("is 65536 notifications behind")
      expect(texts).toEqual(Array.from({ length: 65_537 }, (_, n) => String(n)))
    }))
})
