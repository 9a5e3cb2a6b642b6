// A server on loopback that is down for ten seconds, on the test's clock.
import {
  currentClock,
  exitOf,
  fork,
  hasFailed,
  repeatN,
  result,
  type RunningFiber,
  TestClock,
  wallMillis
} from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { ask, mostInASecond, type TestPool, withPool } from "./fixtures/faults.js"
import { eventually, lines, serve, turn } from "./fixtures/server.js"

const echo = lines((line, reply) => reply(line))

const once: Schedule.Schedule<unknown> = Schedule.recurs(0)

describe("a server that is down for 10 seconds under 1,000 borrowers", () => {
  const borrowers: ReadonlyArray<readonly [string, Schedule.Schedule<unknown>]> = [
    ["wait until it is back", once],
    ["ask again whenever they fail", Schedule.spaced("20 millis")]
  ]

  it.effect.each(borrowers)(
    "is not stormed by those who %s, and serves within a second of its return",
    ([, again]) =>
      Effect.scoped(Effect.gen(function*() {
        const clock = yield* currentClock
        const now = () => wallMillis(clock)
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
            const reply = { first: Infinity }
            const call = Effect.tap(pool.use((connection) => ask(connection, "hello")), () =>
              Effect.sync(() => {
                reply.first = Math.min(reply.first, now())
              }))
            const calls = Array.from({ length: 1_000 }, () => fork(result(Effect.retry(call, again))))
            const fibers = yield* Effect.all(calls)
            // The opens are real: what has begun ends before the clock goes on.
            const opensHaveEnded = eventually("the opens have ended", () => Effect.runSync(pool.stats).opening === 0)
            const pass = (millis: number) => Effect.andThen(TestClock.adjust(millis), opensHaveEnded)
            yield* repeatN(pass(50), 199)
            expect((yield* pool.stats).opened).toBe(0)
            yield* Effect.promise(() => server.start())
            const back = now()
            const hasEnded = (fiber: RunningFiber<unknown>) => exitOf(fiber) !== undefined
            // The replies are real as well.
            while (reply.first === Infinity && now() < back + 10_000) {
              yield* pass(50)
              if (Effect.runSync(pool.stats).opened > 0) {
                yield* eventually("a reply is there", () => reply.first < Infinity)
              }
            }
            while (!fibers.every(hasEnded)) {
              yield* pass(50)
              yield* turn
            }
            const results = yield* Fiber.joinAll(fibers)
            const attempts = (yield* pool.stats).openFailed
            return { attempts, toFirst: reply.first - back, failed: results.filter(hasFailed).length }
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
        // Each attempt fails the oldest waiter. Only a borrower that does not ask again gets no reply.
        expect(failed).toBe(again === once ? attempts : 0)
        expect(server.peak()).toBeLessThanOrEqual(16)
      }))
  )
})
