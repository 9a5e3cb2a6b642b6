// The behaviour of the pools of all kinds of sockets, over real ones.
import { fork, forkDaemon, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Deferred, Effect, Fiber, Schedule } from "effect"
import { kinds, type Pool, withPool } from "./fixtures/kinds.js"
import { type Behave, echo, eventually, lines, silent } from "./fixtures/server.js"

const briefly = Schedule.spaced("1 millis")
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

describe.each(kinds.map((kind) => [kind.kind, kind] as const))("a pool of %s connections", (_, kind) => {
  describe("sharing", () => {
    it.live("never opens more than maxConnections, as the server counts, and gives everyone his own answer", () =>
      withPool(kind, echo, { maxConnections: 5 }, (pool, server) =>
        Effect.gen(function*() {
          const call = (n: number) =>
            pool.use((connection) =>
              Effect.gen(function*() {
                const sent = `request ${n}\n`
                yield* connection.send(sent)
                expect(text(yield* connection.recvUntil("\n"))).toBe(sent)
              })
            )
          yield* Effect.forEach(Array.from({ length: 500 }, (_, i) => i), call, { concurrency: 100, discard: true })
          expect(server.peak()).toBeLessThanOrEqual(5)
          expect(server.accepted()).toBeLessThanOrEqual(5)
          const { acquired, opened } = yield* pool.stats
          expect(acquired).toBe(500)
          expect(opened).toBeLessThanOrEqual(5)
        })))

    it.live("opens at most maxConnecting at once", () =>
      withPool(
        kind,
        silent,
        { maxConnections: 20, maxConnecting: 2, initialConnections: 20 },
        (pool, server) =>
          Effect.gen(function*() {
            let peak = 0
            for (;;) {
              const stats = yield* pool.stats
              peak = Math.max(peak, stats.opening)
              if (stats.idle === 20) break
              yield* Effect.promise(() => new Promise((next) => setImmediate(next)))
            }
            expect(peak).toBe(2)
            yield* eventually("the server has accepted all", () => server.accepted() === 20)
          })
      ))

    it.live("reports a server that refuses with the connector's own error, to every borrower", () =>
      Effect.gen(function*() {
        const { kernel, makePool } = yield* Effect.scoped(kind.start(echo))
        yield* Effect.scoped(Effect.gen(function*() {
          const pool = yield* makePool({ maxConnections: 2 })
          const errors = yield* Effect.forEach(
            [1, 2, 3, 4, 5, 6, 7, 8],
            () => Effect.flip(pool.use(() => Effect.void)),
            {
              concurrency: "unbounded"
            }
          )
          expect(errors.map((error) => `${error._tag} ${"reason" in error ? error.reason : ""}`)).toEqual(
            Array.from({ length: 8 }, () => "ConnectError Refused")
          )
          yield* Effect.repeat(pool.stats, { until: (stats) => stats.opening === 0, schedule: briefly })
          expect(yield* pool.stats).toMatchObject({ idle: 0, inUse: 0, opened: 0, openFailed: 8 })
        }))
        expect(kernel()).toEqual({})
      }))
  })

  describe("a connection that dies while it is idle", () => {
    const idle = (n: number) => ({ maxConnections: n, initialConnections: n })
    const filled = (pool: Pool, n: number) =>
      Effect.repeat(pool.stats, { until: (stats) => stats.idle === n && stats.closing === 0, schedule: briefly })

    // F30, F31
    for (const how of ["an end", "a break"] as const) {
      it.live(`is closed at once, without a borrow, after ${how}`, () =>
        withPool(kind, silent, idle(3), (pool, server) =>
          Effect.gen(function*() {
            yield* filled(pool, 3)
            yield* eventually("the server has all three", () => server.ready.size === 3)
            if (how === "an end") { for (const socket of server.ready) socket.end() }
            else for (const socket of server.sockets) kind.abort(socket)
            yield* filled(pool, 0)
            expect((yield* pool.stats).closed).toMatchObject({ Disconnected: 3, Discarded: 0, Desync: 0 })
          })))
    }

    it.live("is closed at once when bytes come that nobody asked for", () =>
      withPool(kind, echo, idle(2), (pool, server) =>
        Effect.gen(function*() {
          yield* filled(pool, 2)
          yield* eventually("the server has both", () => server.ready.size === 2)
          for (const socket of server.ready) socket.write("surprise")
          yield* filled(pool, 0)
          expect((yield* pool.stats).closed).toMatchObject({ Disconnected: 0, Desync: 2 })
          const answer = yield* pool.use((connection) =>
            Effect.andThen(connection.send("mine"), connection.recvExactly(4))
          )
          expect(text(answer)).toBe("mine")
        })))

    it.live("is closed for a reason of its own", () =>
      withPool(kind, silent, idle(2), (pool, server) =>
        Effect.gen(function*() {
          yield* filled(pool, 2)
          yield* eventually("the server has both", () => server.ready.size === 2)
          const [first, second] = server.ready
          first!.end()
          second!.write("surprise")
          yield* filled(pool, 0)
          expect((yield* pool.stats).closed).toMatchObject({ Disconnected: 1, Desync: 1 })
        })))

    // F27
    it.live("is never lent after a restart of the server", () =>
      withPool(kind, echo, idle(4), (pool, server) =>
        Effect.gen(function*() {
          yield* filled(pool, 4)
          yield* Effect.promise(() => server.stop())
          yield* Effect.promise(() => server.start())
          yield* filled(pool, 0)
          for (let i = 0; i < 8; i++) {
            const answer = yield* pool.use((connection) =>
              Effect.andThen(connection.send(`call ${i}`), connection.recvExactly(6))
            )
            expect(text(answer)).toBe(`call ${i}`)
          }
        })))
  })

  describe("after use", () => {
    const fresh = (pool: Pool) => Effect.map(pool.stats, (stats) => stats.opened)

    it.live("a connection whose lease ended in success is used again", () =>
      withPool(kind, echo, { maxConnections: 1 }, (pool) =>
        Effect.gen(function*() {
          for (let i = 0; i < 3; i++) {
            yield* pool.use((connection) => Effect.andThen(connection.send("x"), connection.recvExactly(1)))
          }
          expect(yield* fresh(pool)).toBe(1)
        })))

    // F33
    const spoilers = {
      "failed": Effect.fail("no"),
      "died": Effect.die("no"),
      "was interrupted": Effect.interrupt
    }
    for (const [how, effect] of Object.entries(spoilers)) {
      it.live(`a connection whose lease ${how} is closed`, () =>
        withPool(kind, echo, { maxConnections: 1 }, (pool) =>
          Effect.gen(function*() {
            yield* Effect.exit(pool.use(() => effect as Effect.Effect<never, string>))
            yield* pool.use(() => Effect.void)
            expect(yield* fresh(pool)).toBe(2)
            expect((yield* pool.stats).closed.Discarded).toBe(1)
          })))
    }

    // F52
    it.live("a connection whose socket the holder has destroyed counts as disconnected", () =>
      // Nobody waits for the server's end when the holder closes by himself, so the server may see the next one first.
      withPool(kind, echo, { maxConnections: 2 }, (pool) =>
        Effect.gen(function*() {
          yield* pool.use((connection) => Effect.sync(() => connection.socket.destroy()))
          yield* pool.use(() => Effect.void)
          expect((yield* pool.stats).closed).toMatchObject({ Disconnected: 1, Discarded: 0 })
        })))

    it.live("a connection with input that nobody has read is closed", () =>
      withPool(kind, echo, { maxConnections: 1 }, (pool) =>
        Effect.gen(function*() {
          yield* pool.use((connection) => Effect.andThen(connection.send("two"), connection.recvExactly(2)))
          const answer = yield* pool.use((connection) =>
            Effect.andThen(connection.send("new"), connection.recvExactly(3))
          )
          expect(text(answer)).toBe("new")
          expect(yield* fresh(pool)).toBe(2)
        })))

    it.live("a connection whose answer was not waited for is closed, though the lease succeeded", () =>
      Effect.gen(function*() {
        const replies: Array<() => void> = []
        const slow = lines((line, reply) => void replies.push(() => reply(line)))
        yield* withPool(kind, slow, { maxConnections: 1 }, (pool) =>
          Effect.gen(function*() {
            yield* pool.use((connection) =>
              Effect.gen(function*() {
                yield* connection.send("first\n")
                yield* eventually("the server has it", () => replies.length === 1)
                yield* Effect.timeoutOption(connection.recvUntil("\n"), "20 millis")
              })
            )
            const answer = yield* pool.use((connection) =>
              Effect.gen(function*() {
                yield* connection.send("second\n")
                yield* eventually("the server has it", () => replies.length === 2)
                for (const reply of replies) reply()
                return yield* connection.recvUntil("\n")
              })
            )
            expect(text(answer)).toBe("second\n")
          }))
      }))

    it.live("a connection that has sent something and read nothing is closed: an answer may be on its way", () =>
      // A TLS server hears of the end only after it has written its answer, and may see the next connection first.
      withPool(kind, echo, { maxConnections: kind.kind === "TLS" ? 2 : 1 }, (pool, server) =>
        Effect.gen(function*() {
          yield* pool.use((connection) => connection.send("old\n"))
          const answer = yield* pool.use((connection) =>
            Effect.suspend(() => {
              expect(server.kernel()).toEqual({ ESTABLISHED: 1 })
              return Effect.andThen(connection.send("new\n"), connection.recvUntil("\n"))
            })
          )
          expect(text(answer)).toBe("new\n")
          expect((yield* pool.stats).closed).toMatchObject({ Discarded: 1 })
        })))

    it.live("output on its way is sent before the connection is lent again", () =>
      Effect.gen(function*() {
        let release = () => {}
        let got = 0
        const reluctant: Behave = (socket) => {
          socket.pause()
          release = () => void socket.on("data", (chunk) => got += chunk.length).resume()
        }
        const onRelease = () => Effect.succeed("keep" as const)
        yield* withPool(kind, reluctant, { maxConnections: 1, closeTimeout: "30 seconds", onRelease }, (pool, server) =>
          Effect.gen(function*() {
            const size = 6_000_000
            // Fills the kernel's buffers first, so that some of the rest stays in the process.
            yield* pool.use((connection) =>
              Effect.gen(function*() {
                const writer = yield* fork(connection.send(new Uint8Array(size)))
                yield* eventually("output waits", () =>
                  server.ready.size === 1 && connection.socket.writableNeedDrain)
                release()
                yield* Fiber.join(writer)
                yield* connection.send(new Uint8Array(10))
              })
            )
            yield* pool.use(() =>
              Effect.void
            )
            yield* eventually("all has come", () => got === size + 10)
            expect(yield* fresh(pool)).toBe(1)
          }))
      }))

    it.live("a protocol that knows better keeps a clean connection with onRelease", () =>
      withPool(
        kind,
        echo,
        { maxConnections: 1, onRelease: () => Effect.succeed("keep") },
        (pool) =>
          Effect.gen(function*() {
            yield* Effect.exit(pool.use(() => Effect.fail("no")))
            yield* pool.use(() => Effect.void)
            expect(yield* fresh(pool)).toBe(1)
          })
      ))

    it.live("onRelease can talk to the server before the next lease, and cannot keep an unclean connection", () =>
      withPool(kind, echo, {
        maxConnections: 1,
        onRelease: (connection) =>
          connection.send("reset").pipe(
            Effect.andThen(connection.recvExactly(5)),
            Effect.andThen(connection.send("more")),
            Effect.andThen(connection.recvExactly(2)),
            Effect.as("keep" as const),
            Effect.orDie
          )
      }, (pool) =>
        Effect.gen(function*() {
          yield* pool.use((connection) => Effect.andThen(connection.send("x"), connection.recvExactly(1)))
          const answer = yield* pool.use((connection) =>
            Effect.andThen(connection.send("y"), connection.recvExactly(1))
          )
          expect(text(answer)).toBe("y")
          expect(yield* fresh(pool)).toBe(2)
        })))
  })

  describe("a holder whose lease has ended", () => {
    // F62
    it.live("can neither read nor write", () =>
      withPool(kind, echo, { maxConnections: 1 }, (pool, server) =>
        Effect.gen(function*() {
          const stale = yield* pool.use((connection) => Effect.succeed(connection))
          yield* pool.use((connection) =>
            Effect.gen(function*() {
              const released = { _tag: "ConnectionError", reason: "Released", address: server.address }
              expect(yield* Effect.flip(stale.send("sneaky"))).toMatchObject(released)
              expect(yield* Effect.flip(stale.recv())).toMatchObject(released)
              expect(() => stale.socket).toThrow("Released")
              expect(stale.isConnected).toBe(false)
              yield* connection.send("mine")
              expect(text(yield* connection.recv())).toBe("mine")
            })
          )
          expect((yield* pool.stats).opened).toBe(1)
        })))

    it.live("is told so when it still waits for an answer", () =>
      withPool(kind, silent, { maxConnections: 1 }, (pool) =>
        Effect.gen(function*() {
          const reader = yield* pool.use((connection) =>
            Effect.tap(forkDaemon(Effect.flip(connection.recv())), yieldNow)
          )
          expect(yield* Fiber.join(reader)).toMatchObject({ reason: "Released" })
          yield* pool.use(() => Effect.void)
          expect((yield* pool.stats).closed.Discarded).toBe(1)
        })))

    it.live("cannot release or drop what somebody else holds now", () =>
      withPool(kind, echo, { maxConnections: 1 }, (pool) =>
        Effect.gen(function*() {
          const stale = yield* pool.use((connection) => Effect.succeed(connection))
          yield* pool.use(() =>
            Effect.gen(function*() {
              expect((yield* Effect.flip(pool.release(stale)))._tag).toBe("ConnectionNotFoundError")
              expect((yield* Effect.flip(pool.drop(stale)))._tag).toBe("ConnectionNotFoundError")
            })
          )
        })))
  })

  describe("closing the pool", () => {
    it.live("leaves the server without a connection when it returns", () =>
      withPool(kind, silent, { maxConnections: 10, initialConnections: 10 }, (pool, server) =>
        Effect.gen(function*() {
          yield* eventually("all are there", () => server.sockets.size === 10)
          yield* pool.close
          expect(server.kernel()).toEqual({})
        })))

    it.live("takes a leased socket away when the drain is over", () =>
      withPool(kind, silent, { maxConnections: 1, drainTimeout: "50 millis" }, (pool) =>
        Effect.gen(function*() {
          const leased = yield* Deferred.make<void>()
          const holder = yield* fork(
            Effect.flip(
              pool.use((connection) => Effect.andThen(Deferred.succeed(leased, undefined), connection.recv()))
            )
          )
          yield* Deferred.await(leased)
          yield* pool.close
          expect(yield* Fiber.join(holder)).toMatchObject({ reason: "Released" })
        })))

    it.live("discards a connection whose open was in flight", () =>
      withPool(kind, silent, { maxConnections: 4, initialConnections: 4 }, (pool) => pool.close))
  })

  describe("an interrupted request", () => {
    // The tagged protocol: a reply that is not one's own is visible.
    it.live("never leaves its reply to the next borrower", () =>
      Effect.gen(function*() {
        let seed = 7
        const random = () => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648
        const late = lines((line, reply) => void setTimeout(() => reply(line), random() * 4))
        let served = 0
        yield* withPool(kind, late, { maxConnections: 8 }, (pool) =>
          Effect.forEach(
            Array.from({ length: 2_000 }, (_, i) => i),
            (i) => {
              const call = pool.use((connection) =>
                Effect.gen(function*() {
                  yield* connection.send(`call ${i}\n`)
                  const reply = text(yield* connection.recvUntil("\n"))
                  expect(reply).toBe(`call ${i}\n`)
                  served++
                })
              )
              return random() < 0.4 ? Effect.timeoutOption(call, random() * 4) : call
            },
            { concurrency: 64, discard: true }
          ))
        expect(served).toBeGreaterThan(1_000)
      }))
  })
})
