// The figures of a client's sessions, as operators see them.
import { Client, type Connection, Pool, PoolMetrics } from "@socketpool/core"
import { metricFigures, TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { MemoryServer } from "@socketpool/testing"
import { Effect, Fiber } from "effect"
import { forkSettled, settled } from "../setup.js"
import { inOrder } from "./setup.js"

/** A client whose server answers only what the test sends. */
const silent = (options: Partial<Client.Options<typeof inOrder, any, never, any, never, never, never>> = {}) =>
  Effect.gen(function*() {
    const peers: Array<Connection> = []
    const server = yield* MemoryServer.make((peer) => Effect.andThen(Effect.sync(() => peers.push(peer)), Effect.never))
    const client = yield* Client.make({ protocol: inOrder, open: server.connect(), drainTimeout: 0, ...options })
    return { client, peers }
  })

/** The metrics of sessions of pools of this name, without their common prefix. */
const collected = (name: string) =>
  Object.fromEntries(
    metricFigures()
      .filter(({ name: metric, tags }) =>
        metric.startsWith("socketpool.session.") && tags["db.client.connection.pool.name"] === name
      )
      .map(({ count, name: metric }) => [metric.slice("socketpool.session.".length), count])
  )

/** The same of Prometheus' text, by the names that it has there. */
const exposed = (name: string) =>
  Effect.map(PoolMetrics.prometheus, (text) =>
    Object.fromEntries(
      [...text.matchAll(/^socketpool_session_(\w+)\{pool_name="(.*)"\} (.*)$/gm)]
        .filter(([, , of]) => of === name)
        .map(([, metric, , value]) => [metric, Number(value)])
    ))

/** One request has its response, two wait, and one was abandoned; another session has stalled before. */
const busy = (name: string) =>
  Effect.gen(function*() {
    const { client, peers } = yield* silent({ name, maxConnections: 1, stallTimeout: "10 seconds" })
    yield* forkSettled(Effect.exit(client.request("lost")))
    yield* TestClock.adjust("10 seconds")
    const requests = yield* Effect.forEach(["a", "b", "c", "d"], (request) => forkSettled(client.request(request)))
    yield* TestClock.adjust("2 seconds")
    yield* peers[1]!.send("A\n")
    yield* settled
    yield* Fiber.interrupt(requests[1]!)
    return { client, peers }
  })

describe("the figures of a client's sessions", () => {
  it.scoped("are in the statistics, the times and the metrics of its pool", () =>
    Effect.gen(function*() {
      const { client, peers } = yield* busy("figures")
      const { roundTripTime, ...counts } = yield* client.stats
      expect(counts).toEqual({ requests: 5, inFlight: 2, abandoned: 1, tombstones: 1, stalls: 1 })
      expect(roundTripTime).toMatchObject({ count: 1, totalMillis: 2_000 })
      expect((yield* client.pool.stats).sessions).toEqual({ ...counts, roundTripTime })
      expect((yield* client.pool.times).roundTripTime).toMatchObject({ count: 1, totalMillis: 2_000 })
      expect(collected("figures")).toEqual({
        requests: 5,
        in_flight: 2,
        abandoned: 1,
        tombstones: 1,
        stalls: 1,
        round_trip_time: 1
      })
      expect(yield* exposed("figures")).toEqual({
        requests_total: 5,
        in_flight: 2,
        abandoned_total: 1,
        tombstones: 1,
        stalls_total: 1,
        round_trip_time_seconds_sum: 2,
        round_trip_time_seconds_count: 1
      })
      yield* peers[1]!.send("B\nC\nD\n")
      yield* settled
      expect(collected("figures")).toMatchObject({ in_flight: 0, abandoned: 1, tombstones: 0, round_trip_time: 3 })
    }))

  it.scoped("go with its pool, and never fall while another of its name runs", () =>
    Effect.gen(function*() {
      const other = yield* silent({ name: "twice" })
      yield* forkSettled(other.client.request("e"))
      const { client } = yield* busy("twice")
      const both = { requests: 6, abandoned: 1, stalls: 1, round_trip_time: 1 }
      expect(collected("twice")).toEqual({ ...both, in_flight: 3, tombstones: 1 })
      yield* client.pool.close
      expect(collected("twice")).toEqual({ ...both, in_flight: 1, tombstones: 0 })
      yield* other.client.pool.close
      expect(collected("twice")).toEqual({})
      expect(yield* PoolMetrics.prometheus).not.toContain("socketpool_session")
    }))

  it.scoped("are absent from pools without sessions", () =>
    Effect.gen(function*() {
      const pool = yield* Pool.make({ open: Effect.succeed({}), name: "plain" })
      yield* silent({ name: "beside it" })
      expect(collected("plain")).toEqual({})
      expect(yield* exposed("plain")).toEqual({})
      expect(yield* pool.stats).not.toHaveProperty("sessions")
      expect(yield* pool.times).not.toHaveProperty("roundTripTime")
    }))
})

describe("the leases of a client's pool", () => {
  it.scoped("name the span of each request, and tell which of them are exclusive", () =>
    Effect.gen(function*() {
      const { client } = yield* silent({ maxConnections: 2, maxInFlight: 2 })
      const shown = Effect.map(client.pool.leases, (leases) =>
        leases.map(({ connectionId, exclusive, holder }) => [connectionId, holder.span, exclusive]))
      for (const span of ["GET /a", "GET /b"]) {
        yield* forkSettled(Effect.withSpan(client.request("r"), span))
      }
      yield* forkSettled(Effect.withSpan(
        client.withExclusive(() =>
          Effect.never
        ),
        "EXEC"
      ))
      expect(yield* shown).toEqual([[1, "GET /a", false], [1, "GET /b", false], [2, "EXEC", true]])
    }))
})
