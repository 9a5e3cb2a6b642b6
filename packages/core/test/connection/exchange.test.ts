// A request and its answer in one operation.
import { type Connection, Framing, TransportPool } from "@socketpool/core"
import {
  beforeTasks,
  exitOf,
  fork,
  forkDaemon,
  result,
  stop,
  TestClock,
  withScheduler,
  yieldNow
} from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { MemoryServer, SteppingScheduler } from "@socketpool/testing"
import { Effect, Exit, Fiber } from "effect"
import { forkSettled, settled } from "../setup.js"
import { silent, stalled, text } from "./setup.js"

const lines = Framing.delimited("\n")

/** Answers each line but `mute`, after a while or some turns if it begins with `slow` or `lazy`, and keeps all of them. */
const answering = Effect.gen(function*() {
  const heard: Array<string> = []
  const server = yield* MemoryServer.make((peer) =>
    Effect.forever(Effect.flatMap(peer.recvUntil("\n"), (bytes) => {
      const request = text(bytes).trim()
      heard.push(request)
      if (request === "mute") return Effect.void
      const answer = peer.send(`re ${request}\n`)
      if (request.startsWith("lazy")) return Effect.andThen(turns, answer)
      return request.startsWith("slow") ? Effect.delay(answer, "1 second") : answer
    }))
  )
  return { heard, server }
})

const turns = Effect.forEach(Array.from({ length: 20 }), () => yieldNow, { discard: true })

const ask = (connection: Connection, request: string) => Effect.map(connection.exchange(`${request}\n`, lines), text)

describe("exchange", () => {
  it.scoped("sends a request and gives the frame that answers it", () =>
    Effect.gen(function*() {
      const { server } = yield* answering
      const connection = yield* server.connect()
      const slow = yield* forkSettled(ask(connection, "slow a"))
      yield* TestClock.adjust("1 second")
      expect([yield* Fiber.join(slow), yield* ask(connection, "b")]).toEqual(["re slow a", "re b"])
    }))

  const before: ReadonlyArray<readonly [string, (connection: Connection) => Effect.Effect<unknown, unknown>]> = [
    ["input is unread", (connection) => Effect.andThen(connection.send("more\n"), settled)],
    [
      "a read timed out",
      (connection) => Effect.exit(connection.send("slow\n").pipe(Effect.andThen(timedOut(connection))))
    ],
    [
      "an exchange timed out",
      (connection) =>
        Effect.andThen(
          forkSettled(Effect.exit(connection.exchange("slow\n", lines, { timeout: "10 millis" }))),
          () => TestClock.adjust("10 millis")
        )
    ],
    [
      "an exchange was interrupted",
      (connection) => Effect.flatMap(forkSettled(ask(connection, "slow")), Fiber.interrupt)
    ],
    ["another exchange waits", (connection) => forkSettled(ask(connection, "slow"))],
    ["a read waits", (connection) => forkSettled(connection.recv())]
  ]
  const timedOut = (connection: Connection) =>
    Effect.andThen(
      forkSettled(Effect.exit(connection.recv(1, { timeout: "10 millis" }))),
      () => TestClock.adjust("10 millis")
    )

  it.scoped.each(before)("sends nothing if %s", ([, first]) =>
    Effect.gen(function*() {
      const { heard, server } = yield* answering
      const connection = yield* server.connect()
      yield* first(connection)
      const count = heard.length
      const error = yield* Effect.flip(ask(connection, "mine"))
      expect(error).toMatchObject({ reason: "Desync", operation: "write", sent: "No" })
      yield* TestClock.adjust("1 minute")
      expect(heard.length).toBe(count)
    }))

  it.scoped("has one deadline for the wait for room and the answer", () =>
    Effect.gen(function*() {
      const { letRead, server } = yield* stalled
      const connection = yield* server.connect({ timeout: "3 seconds" })
      const full = yield* forkSettled(connection.send(new Uint8Array(200_000)))
      yield* Fiber.interrupt(full)
      const exchange = yield* forkSettled(Effect.flip(ask(connection, "x")))
      yield* TestClock.adjust("2 seconds")
      yield* letRead
      yield* TestClock.adjust(999)
      expect(exitOf(exchange)).toBe(undefined)
      yield* TestClock.adjust(1)
      expect(yield* Fiber.join(exchange)).toMatchObject({ reason: "Timeout", operation: "read" })
    }))

  it.scoped("fails as a write while it waits for room, and then is not sent any more", () =>
    Effect.gen(function*() {
      const { got, letRead, server } = yield* stalled
      const connection = yield* server.connect({ timeout: "3 seconds" })
      yield* Effect.flatMap(forkSettled(connection.send(new Uint8Array(200_000))), Fiber.interrupt)
      const exchange = yield* forkSettled(Effect.flip(ask(connection, "x")))
      yield* TestClock.adjust("3 seconds")
      expect(yield* Fiber.join(exchange)).toMatchObject({ reason: "Timeout", operation: "write" })
      yield* letRead
      yield* settled
      expect(got()).toBe(200_000)
    }))

  it.scoped("sends nothing beside a write that waits", () =>
    Effect.gen(function*() {
      const connection = yield* (yield* silent).connect()
      yield* forkSettled(connection.send(new Uint8Array(200_000)))
      expect(yield* Effect.flip(ask(connection, "x"))).toMatchObject({ reason: "Desync", operation: "write" })
    }))

  it.scoped("hears of the peer's end", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) => peer.recv())
      const connection = yield* server.connect()
      expect(yield* Effect.flip(ask(connection, "x"))).toMatchObject({ reason: "EndOfStream", operation: "read" })
      expect(yield* Effect.flip(ask(connection, "x"))).toMatchObject({ reason: "EndOfStream", operation: "write" })
    }))

  it.scoped("that is interrupted at any step gives no later one its answer", () =>
    Effect.gen(function*() {
      for (let at = 0;; at++) {
        const { server } = yield* answering
        const connection = yield* server.connect()
        const scheduler = SteppingScheduler.make()
        const watch = scheduler.watch("all", { at, strike: stop })
        const first = yield* forkSettled(withScheduler(ask(connection, "slow first"), scheduler))
        if (!watch.reached) yield* TestClock.adjust("1 second")
        const second = yield* forkSettled(result(ask(connection, "second")))
        yield* TestClock.adjust("1 minute")
        const answer = yield* Fiber.join(second)
        if (answer._tag === "Success") expect([at, answer.success]).toEqual([at, "re second"])
        else expect([at, answer.failure.reason]).toEqual([at, "Desync"])
        if (!watch.reached) {
          expect([exitOf(first), answer._tag]).toEqual([Exit.succeed("re slow first"), "Success"])
          break
        }
      }
    }))

  it.scoped("that goes on when its lease has ended does nothing to the next holder", () =>
    Effect.gen(function*() {
      for (let at = 0;; at++) {
        const { server } = yield* answering
        const pool = yield* server.pool({
          maxConnections: 1,
          drainTimeout: 0,
          onRelease: () => Effect.succeed("keep" as const)
        })
        let goOn = () => {}
        const scheduler = SteppingScheduler.make()
        const watch = scheduler.watch("all", { at, aside: (proceed) => (goOn = proceed) })
        const stale = yield* pool.use((connection) =>
          forkDaemon(withScheduler(Effect.exit(ask(connection, "mute")), scheduler)).pipe(Effect.tap(settled))
        )
        const answers = yield* pool.use((connection) =>
          Effect.gen(function*() {
            goOn()
            yield* settled
            return [yield* ask(connection, "mine"), yield* ask(connection, "mine, too")]
          })
        )
        expect([at, answers]).toEqual([at, ["re mine", "re mine, too"]])
        const exit = yield* Fiber.join(stale)
        expect(Exit.isFailure(exit) && String(exit.cause)).toContain("Released")
        if (!watch.reached) break
      }
    }))

  const wrong: ReadonlyArray<readonly [string, (connection: Connection) => Effect.Effect<unknown, unknown>, string]> = [
    ["data", (connection) => connection.exchange(1 as any, lines), "exchange: data must be"],
    ["framing", (connection) => connection.exchange("", {} as any), "exchange: framing must be a Framing"],
    ["timeout", (connection) => connection.exchange("", lines, { timeout: 0 }), "timeout must be"]
  ]
  it.scoped.each(wrong)("refuses a wrong %s by its name", ([, call, message]) =>
    Effect.gen(function*() {
      const connection = yield* (yield* silent).connect()
      const exit = yield* Effect.exit(Effect.suspend(() => call(connection)))
      expect(String(Exit.isFailure(exit) && exit.cause)).toContain(message)
    }))
})

describe("TransportPool.exchange", () => {
  it.scoped("leases a connection for one request", () =>
    Effect.gen(function*() {
      const { server } = yield* answering
      const pool = yield* server.pool({ maxConnections: 1 })
      const answers = yield* Effect.forEach(["a", "b", "c"], (request) =>
        TransportPool.exchange(pool, `${request}\n`, lines), {
        concurrency: "unbounded"
      })
      expect(answers.map(text)).toEqual(["re a", "re b", "re c"])
      expect(text(yield* TransportPool.exchange("d\n", lines)(pool))).toBe("re d")
      const { acquired, closed, opened } = yield* pool.stats
      expect([
        opened,
        acquired,
        Object.values(closed).reduce((a, b) =>
          a + b
        )
      ]).toEqual([1, 4, 0])
    }))

  it.scoped("that is interrupted at any step gives nobody else its answer, and loses no connection", () =>
    Effect.gen(function*() {
      for (let at = 0;; at++) {
        const { server } = yield* answering
        const pool = yield* server.pool({ maxConnections: 1, drainTimeout: 0 })
        const scheduler = SteppingScheduler.make()
        const watch = scheduler.watch("all", { at, strike: stop })
        const first = yield* fork(withScheduler(TransportPool.exchange(pool, "first\n", lines), scheduler))
        const second = yield* fork(TransportPool.exchange(pool, "second\n", lines))
        yield* Fiber.await(first)
        expect([at, text(yield* Fiber.join(second))]).toEqual([at, "re second"])
        yield* settled
        const { closed, idle, inUse, opened } = yield* pool.stats
        expect([at, idle, inUse, opened - Object.values(closed).reduce((a, b) => a + b)]).toEqual([at, 1, 0, 1])
        if (!watch.reached) break
      }
    }))

  it.scoped("that is interrupted before any task gives nobody else its answer, and loses no connection", () =>
    Effect.gen(function*() {
      const ends = new Set<string>()
      for (let at = 0;; at++) {
        const { heard, server } = yield* answering
        const struck: { fiber?: Fiber.RuntimeFiber<unknown, unknown> } = {}
        let tasks = 0
        const scheduler = beforeTasks(() => {
          if (struck.fiber !== undefined && tasks++ === at) stop(struck.fiber)
        })
        const play = Effect.gen(function*() {
          const pool = yield* server.pool({ maxConnections: 1, drainTimeout: 0 })
          const exchange = (request: string) => fork(Effect.exit(TransportPool.exchange(pool, request, lines)))
          const holder = yield* fork(pool.use(() => yieldNow))
          const first = yield* exchange("lazy first\n")
          struck.fiber = first
          const second = yield* exchange("second\n")
          yield* Fiber.await(holder)
          const ended = yield* Fiber.await(first)
          const exit = Exit.isSuccess(ended) ? ended.value : ended
          expect([at, Exit.map(yield* Fiber.join(second), text)]).toEqual([at, Exit.succeed("re second")])
          yield* turns
          const { acquired, closed, idle, inUse, opened } = yield* pool.stats
          const sent = heard.includes("lazy first") ? "sent" : "unsent"
          ends.add(`${exit._tag}, ${sent}, ${closed.Discarded === 0 ? "kept" : "closed"}`)
          expect([at, idle, inUse, opened - Object.values(closed).reduce((a, b) => a + b)]).toEqual([at, 1, 0, 1])
          expect([at, acquired]).toEqual([at, heard.length + 1])
        })
        yield* Effect.scoped(withScheduler(play, scheduler))
        if (tasks <= at) break
      }
      // An interrupt between the answer and the fiber costs no connection.
      expect([...ends].sort()).toEqual([
        "Failure, sent, closed",
        "Failure, sent, kept",
        "Failure, unsent, kept",
        "Success, sent, kept"
      ])
    }))

  it.scoped("discards a connection whose answer did not come in time", () =>
    Effect.gen(function*() {
      const { server } = yield* answering
      const pool = yield* server.pool({ maxConnections: 1 })
      const late = yield* forkSettled(
        Effect.flip(TransportPool.exchange(pool, "slow\n", lines, { timeout: "10 millis" }))
      )
      yield* TestClock.adjust("10 millis")
      expect(yield* Fiber.join(late)).toMatchObject({ _tag: "ConnectionError", reason: "Timeout" })
      expect(text(yield* TransportPool.exchange(pool, "mine\n", lines))).toBe("re mine")
      expect((yield* pool.stats).closed.Discarded).toBe(1)
    }))
})
