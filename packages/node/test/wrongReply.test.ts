// Real sockets on loopback, through a proxy that does to them what networks do. SOCKETPOOL_SEED replays what is random
// here, though not the timing of the sockets. SOCKETPOOL_SEARCH=full makes 20 times as many calls, `deep` 200 times.
import { TcpConnection, TcpPool } from "@socketpool/node"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { FaultProxy, Rng } from "@socketpool/testing"
import { Effect, Pool as EffectPool } from "effect"
import { bySearch, seeds } from "../../core/test/search.js"
import { load, network, trouble, type Within } from "./fixtures/calls.js"
import { serve } from "./fixtures/server.js"
import { type Answer, answering, ask, Foreign } from "./fixtures/tagged.js"
import { nothingIsLeft } from "./fixtures/witnesses.js"

const [seed] = seeds("wrong replies", 1)
const say = (line: string) => void process.stdout.write(`${line}\n`)

/** A question of the load: answered at once, mostly, or after a while. */
const lateAtTimes = (rng: Rng.Rng): Answer => (tag) => [{ tag, after: rng.chance(0.2) ? rng.between(1, 8) : 0 }]

const setUp = (answer: (rng: Rng.Rng) => Answer) =>
  Effect.gen(function*() {
    const rng = Rng.make(seed)
    const server = yield* serve(answering(answer(rng)))
    const proxy = yield* FaultProxy.make({ target: { host: "127.0.0.1", port: server.port }, seed })
    return { proxy, rng, server }
  })

const poolOptions = {
  maxConnections: 8,
  acquireTimeout: "3 seconds",
  connectTimeout: "1 second",
  timeout: "1 second"
} as const

describe(
  "every reply is its caller's own",
  { timeout: bySearch({ short: 300_000, full: 1_200_000, deep: 7_200_000 }) },
  () => {
    it.scopedLive("under latency, slices, corruption, stalls, cuts, resets, timeouts and interruption", () =>
      Effect.gen(function*() {
        const { proxy, rng, server } = yield* setUp(lateAtTimes)
        const calls = bySearch({ short: 1_500, full: 10_000, deep: 600_000 })
        const [count, pool] = yield* Effect.scoped(Effect.gen(function*() {
          const pool = yield* TcpPool.make({ host: proxy.host, port: proxy.port, ...poolOptions })
          yield* trouble(network(proxy), rng)
          const count = yield* load(calls, (tag, within) => pool.use((connection) => within(ask(connection, tag))), rng)
          return [count, pool] as const
        }))
        say(`network faults: ${JSON.stringify(count)}`)
        expect(count.foreign).toBe(0)
        expect(count.own + count.failed + count.interrupted).toBeGreaterThanOrEqual(calls)
        expect(count.own).toBeGreaterThan(calls / 4)
        expect(count.failed).toBeGreaterThan(calls / 100)
        // A proxy that stalls does not notice who has gone.
        yield* proxy.heal
        yield* nothingIsLeft({ pool, port: proxy.port, server: () => server.sockets.size })
      }))

    it.scopedLive("or a typed error, when the server answers twice, unasked or wrongly, and the network repeats and invents", () =>
      Effect.gen(function*() {
        const { proxy, rng, server } = yield* setUp((rng) => (tag) =>
          rng.chance(0.02)
            ? [{ tag, after: 0 }, { tag, after: rng.between(0, 5) }]
            : rng.chance(0.01)
            ? [{ tag: tag + 1_000_000, after: 0 }]
            : rng.chance(0.01)
            ? []
            : [{ tag, after: rng.chance(0.2) ? rng.between(1, 8) : 0 }]
        )
        const calls = bySearch({ short: 1_000, full: 7_000, deep: 400_000 })
        const [count, pool] = yield* Effect.scoped(Effect.gen(function*() {
          const pool = yield* TcpPool.make({
            host: proxy.host,
            port: proxy.port,
            ...poolOptions,
            timeout: "200 millis"
          })
          const faults = [
            ...network(proxy),
            proxy.inject("garbage that no server sent"),
            proxy.set("toClient", { duplicate: 0.1 }),
            proxy.set("toServer", { duplicate: 0.1 })
          ] as const
          yield* trouble(faults, rng)
          // No pool can tell bytes that come twice or unasked within a lease from an answer. A client that looks at the
          // tag can.
          const call = (tag: number, within: Within) =>
            pool.use((connection) =>
              within(
                Effect.filterOrFail(
                  ask(connection, tag),
                  (got) => got === tag,
                  (got) => new Foreign({ asked: tag, got })
                )
              )
            )
          const count = yield* load(calls, call, rng)
          return [count, pool] as const
        }))
        say(`network and server faults: ${JSON.stringify(count)}`)
        expect(count.foreign).toBe(0)
        expect(count.reasons["Foreign"]).toBeGreaterThan(0)
        expect(count.own).toBeGreaterThan(calls / 4)
        // A proxy that stalls does not notice who has gone.
        yield* proxy.heal
        yield* nothingIsLeft({
          pool,
          port: proxy.port,
          server: () => server.sockets.size
        })
      }))

    it.scopedLive("and the same program over effect/Pool gets others' replies, so that the test can see them", () =>
      Effect.gen(function*() {
        const { proxy, rng } = yield* setUp(lateAtTimes)
        const pool = yield* EffectPool.make({
          acquire: TcpConnection.open({ host: proxy.host, port: proxy.port, timeout: "1 second" }),
          size: 8
        })
        const call = (tag: number, within: Within) =>
          Effect.scoped(Effect.flatMap(EffectPool.get(pool), (connection) => within(ask(connection, tag))))
        const count = yield* load(1_000, call, rng)
        say(`effect/Pool, no faults but late answers: ${JSON.stringify(count)}`)
        expect(count.foreign).toBeGreaterThan(0)
      }))
  }
)
