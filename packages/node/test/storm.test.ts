// A server on loopback that is down for ten seconds, in real time.
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Fiber, Schedule } from "effect"
import { ask, type TestPool, withPool } from "./fixtures/faults.js"
import { lines, serve } from "./fixtures/server.js"

const echo = lines((line, reply) => reply(line))

/** The most that began within one second. */
const mostInASecond = (begun: ReadonlyArray<number>): number =>
  Math.max(...begun.map((start) => begun.filter((time) => time >= start && time < start + 1000).length))

describe("a server that is down for 10 seconds under 1,000 borrowers", { timeout: 60_000 }, () => {
  const borrowers: ReadonlyArray<readonly [string, Schedule.Schedule<unknown>]> = [
    ["wait until it is back", Schedule.stop],
    ["ask again whenever they fail", Schedule.spaced("20 millis")]
  ]

  it.live.each(borrowers)(
    "is not stormed by those who %s, and serves within a second of its return",
    ([, again]) =>
      Effect.scoped(Effect.gen(function*() {
        const { unsafeCurrentTimeMillis: now } = yield* Effect.clock
        const server = yield* serve(echo)
        yield* Effect.promise(() => server.stop())

        let begin = (): void => {}
        const begun: Array<number> = []
        let peak = 0
        const options = {
          host: "storm.internal",
          acquireTimeout: "30 seconds",
          maxConnections: 16,
          lookup: () => Effect.sync(() => (begin(), ["127.0.0.1"]))
        } as const
        const storm = (pool: TestPool) =>
          Effect.gen(function*() {
            begin = () => {
              begun.push(now())
              peak = Math.max(peak, Effect.runSync(pool.stats).opening)
            }
            let first = Infinity
            const call = Effect.tap(pool.use((connection) => ask(connection, "hello")), () =>
              Effect.sync(() => {
                first = Math.min(first, now())
              }))
            const calls = Array.from({ length: 1_000 }, () => Effect.fork(Effect.either(Effect.retry(call, again))))
            const fibers = yield* Effect.all(calls)
            yield* Effect.sleep("10 seconds")
            expect((yield* pool.stats).opened).toBe(0)
            yield* Effect.promise(() => server.start())
            const back = now()
            const results = yield* Fiber.joinAll(fibers)
            const attempts = (yield* pool.stats).openFailed
            return { attempts, toFirst: first - back, failed: results.filter(Either.isLeft).length }
          })
        const { attempts, failed, toFirst } = yield* withPool(
          { port: server.port, left: () => server.sockets.size },
          options,
          storm
        )
        process.stdout.write(`storm: ${attempts} attempts in 10 s, the first reply ${toFirst} ms after the return\n`)
        expect(attempts).toBeGreaterThan(90)
        expect(mostInASecond(begun.slice(0, attempts))).toBeLessThanOrEqual(20)
        expect(peak).toBeLessThanOrEqual(4)
        expect(toFirst).toBeLessThan(1_000)
        // Each attempt fails the oldest waiter; who does not ask again has lost, and nobody else.
        expect(failed).toBe(again === Schedule.stop ? attempts : 0)
        expect(server.peak()).toBeLessThanOrEqual(16)
      }))
  )
})
