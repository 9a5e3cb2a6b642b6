// Promise 1 of protocols: no reply reaches another's hands, though 64 fibers share few connections, and the network, the
// server, timeouts and interruptions do their worst. SOCKETPOOL_SEARCH=full makes 50 times as many calls, `deep` 500 times.
import { Client, type ConnectError, Framing, Protocol } from "@socketpool/core"
import { TcpConnection } from "@socketpool/node"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { FaultProxy, Rng } from "@socketpool/testing"
import { Deferred, Effect, Option, Stream } from "effect"
import { bySearch, seeds } from "../../core/test/search.js"
import { load, network, trouble } from "./fixtures/calls.js"
import { serve } from "./fixtures/server.js"
import { type Answer, answering, replies } from "./fixtures/tagged.js"
import { nothingIsLeft } from "./fixtures/witnesses.js"

const [seed] = seeds("replies of clients", 1)
const calls = bySearch({ short: 1_500, full: 16_000, deep: 1_000_000 })
const say = (line: string) => void process.stdout.write(`${line}\n`)

const inOrder = Protocol.inOrder({ framing: replies })

/** A number of 32 bits has the tag in its upper 12, and the request in the others. */
const tagged = Protocol.tagged({
  framing: replies,
  encode: (tag: number, request: number) => (tag << 20 | request) >>> 0,
  tagOf: (message: number) => Option.some(message >>> 20),
  tags: Protocol.numbers(4_095)
})

type Speaks = Protocol.Protocol<number, number, number>

const cases: ReadonlyArray<readonly [string, Speaks, "in order" | "in any order"]> = [
  ["in order", inOrder, "in order"],
  ["tagged", tagged, "in any order"]
]

const lateAtTimes = (rng: Rng.Rng): Answer => (tag) => [{ tag, after: rng.chance(0.02) ? rng.between(1, 8) : 0 }]

describe(
  "every reply is its caller's own",
  { timeout: bySearch({ short: 300_000, full: 1_800_000, deep: 7_200_000 }) },
  () => {
    it.scopedLive.each(cases)(
      "%s, under latency, slices, corruption, cuts, resets, timeouts and interruption",
      ([, protocol, order]) =>
        Effect.gen(function*() {
          const rng = Rng.make(seed)
          const server = yield* serve(answering(lateAtTimes(rng), order))
          const proxy = yield* FaultProxy.make({ target: { host: "127.0.0.1", port: server.port }, seed })
          const open = TcpConnection.open({ host: proxy.host, port: proxy.port })
          const [count, pool, stats] = yield* Effect.scoped(Effect.gen(function*() {
            const client = yield* Client.make<Speaks, ConnectError>({
              protocol,
              open,
              maxConnections: 4,
              acquireTimeout: "3 seconds",
              connectTimeout: "1 second",
              stallTimeout: "300 millis"
            })
            yield* trouble(network(proxy), rng)
            const count = yield* load(
              calls,
              (tag, within) => within(Effect.map(client.request(tag), (message) => message & 0xfffff)),
              rng
            )
            return [count, client.pool, yield* client.stats] as const
          }))
          say(`${order}: ${JSON.stringify(count)}, ${stats.abandoned} abandoned, ${stats.stalls} stalls`)
          expect(count.foreign).toBe(0)
          expect(count.own + count.failed + count.interrupted).toBeGreaterThanOrEqual(calls)
          expect(count.own).toBeGreaterThan(calls / 4)
          expect(stats.abandoned).toBeGreaterThan(0)
          yield* proxy.heal
          yield* nothingIsLeft({ pool, port: proxy.port, server: () => server.sockets.size })
        })
    )
    it.scopedLive("and a client that forgets who has given up gets others' replies, so that the test can see them", () =>
      Effect.gen(function*() {
        const rng = Rng.make(seed)
        const server = yield* serve(answering(lateAtTimes(rng), "in order"))
        const connection = yield* TcpConnection.open({ host: "127.0.0.1", port: server.port })
        const framed = Framing.over(connection, replies)
        const waiting: Array<Deferred.Deferred<number>> = []
        yield* Effect.forkScoped(
          Stream.runForEach(
            framed.stream,
            (reply) =>
              Effect.flatMap(
                Effect.sync(() => waiting.shift()),
                (first) => first === undefined ? Effect.void : Deferred.succeed(first, reply)
              )
          )
        )
        const request = (tag: number) =>
          Effect.gen(function*() {
            const mine = yield* Deferred.make<number>()
            waiting.push(mine)
            yield* framed.send(tag)
            return yield* Effect.onInterrupt(Deferred.await(mine), () =>
              Effect.sync(() => waiting.splice(waiting.indexOf(mine), 1)))
          })
        const count = yield* load(500, (tag, within) => Effect.timeout(within(request(tag)), 1_000), rng)
        say(`without tombstones: ${JSON.stringify(count)}`)
        expect(count.foreign).toBeGreaterThan(0)
      }))
  }
)
