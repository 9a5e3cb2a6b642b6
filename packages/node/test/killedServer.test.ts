// Real sockets on loopback, and a server in a process of its own that is killed: 5 times, or 40 with
// SOCKETPOOL_SEARCH=full, or 200 with `deep`.
import { TcpPool } from "@socketpool/node"
import { result } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Duration, Effect, Schedule } from "effect"
import { bySearch } from "../../core/test/search.js"
import { childServer } from "./fixtures/faults.js"
import { freePort } from "./fixtures/realServer.js"
import { eventually, totalOf } from "./fixtures/server.js"
import { ask } from "./fixtures/tagged.js"
import { nothingIsLeft } from "./fixtures/witnesses.js"

const rounds = bySearch({ short: 3, full: 16, deep: 200 })
const workers = 32
const floor = 4
const say = (line: string) => void process.stdout.write(`${line}\n`)

/** Repeats every frame; it can be killed and started again and again. */
const mortal = Effect.flatMap(freePort, (port) => childServer("serve((socket) => socket.pipe(socket))", { port }))

describe("a server that is killed again and again under load", { timeout: rounds * 200_000 }, () => {
  it.scopedLive("costs errors only: nobody hangs or reads another's reply, and the floor is back each time", () =>
    Effect.gen(function*() {
      const { kill, port, restart } = yield* mortal
      const count = { own: 0, foreign: 0, failed: 0, timedOut: 0, slowestMillis: 0 }
      const pool = yield* Effect.scoped(Effect.gen(function*() {
        const pool = yield* TcpPool.make({
          host: "127.0.0.1",
          port,
          maxConnections: 8,
          minConnections: floor,
          acquireTimeout: "1 minute",
          timeout: "1 minute",
          retry: Schedule.spaced("20 millis")
        })
        let tags = 0
        const call = Effect.suspend(() => {
          const tag = ++tags
          return Effect.timed(result(pool.use((connection) => ask(connection, tag)))).pipe(
            Effect.map(([took, answer]) => {
              count.slowestMillis = Math.max(count.slowestMillis, Math.round(Duration.toMillis(took)))
              if (answer._tag === "Failure") {
                count.failed++
                if ("reason" in answer.failure && answer.failure.reason === "Timeout") count.timedOut++
              } else if (answer.success === tag) count.own++
              else count.foreign++
              return answer._tag
            }),
            // A worker that is refused does not come back at once.
            Effect.tap((tag) => tag === "Failure" ? Effect.sleep("5 millis") : Effect.void)
          )
        })
        yield* Effect.forkScoped(
          Effect.forEach(Array.from({ length: workers }), () => Effect.forever(call), { concurrency: "unbounded" })
        )
        for (let round = 0; round < rounds; round++) {
          const before = count.own
          yield* eventually("it serves", () => count.own > before + 200)
          yield* kill
          const failed = count.failed
          // Few enough for the pool to try again at once; after ten it takes its time.
          yield* eventually("it is missed", () => count.failed > failed + floor)
          yield* restart
          const back = count.own
          yield* eventually("it serves again", () => count.own > back + 200)
          const { inUse, opening, idle, closing, opened, closed } = yield* pool.stats
          expect(idle + inUse + closing).toBe(opened - totalOf(closed))
          expect(idle + inUse + opening + closing).toBeLessThanOrEqual(8)
        }
        return pool
      }))
      say(`${rounds} kills: ${JSON.stringify(count)}`)
      expect(count.foreign).toBe(0)
      // No deadline was needed to notice a server that is gone.
      expect(count.timedOut).toBe(0)
      yield* nothingIsLeft({ pool, port, server: () => 0 })
    }))

  it.scopedLive("leaves a pool without borrowers with its floor", () =>
    Effect.gen(function*() {
      const { kill, port, restart } = yield* mortal
      const pool = yield* TcpPool.make({
        host: "127.0.0.1",
        port,
        minConnections: floor,
        retry: Schedule.spaced("20 millis")
      })
      const times = bySearch({ short: 2, full: 5 })
      const untilIdle = (wanted: number) =>
        Effect.repeat(Effect.tap(pool.stats, Effect.sleep("2 millis")), { until: ({ idle }) => idle === wanted })
      for (let round = 0; round < times; round++) {
        yield* untilIdle(floor)
        yield* kill
        yield* untilIdle(0)
        yield* restart
      }
      // An attempt from before the restart, which may end now, would fail awaitReady.
      yield* untilIdle(floor)
      yield* pool.awaitReady
      expect(yield* pool.stats).toMatchObject({ idle: floor, inUse: 0, closed: { Disconnected: times * floor } })
    }))
})
