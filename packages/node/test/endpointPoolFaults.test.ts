// Real sockets on loopback: a pool of four servers, of which one hangs, is slow, flaps or dies under load. Everything is
// counted. No time decides anything but how long the test waits at most.
import { type ConnectError, type EndpointPool, Endpoints, type PoolEvent } from "@socketpool/core"
import { TcpConnection, TcpPool } from "@socketpool/node"
import { fork, onlyLogger, type Result, result } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber, type Scope, Stream } from "effect"
import { bySearch } from "../../core/test/search.js"
import { ask, childServer, echoLines, settled } from "./fixtures/faults.js"
import { eventually, lines, serve, type TestServer, totalOf } from "./fixtures/server.js"
import { nothingIsLeft } from "./fixtures/witnesses.js"

type TestPool = EndpointPool.EndpointPool<TcpConnection.TcpConnection, ConnectError>

/** A server, as the tests see it. */
interface Member {
  readonly port: number
  /** The requests that it has received, each by its number. */
  readonly heard: () => ReadonlyArray<string>
  /** Its connections, as far as the test can count them. */
  readonly left: () => number
}

/** One `use`. */
interface Call {
  readonly request: string
  /** The number of times that its effect ran. */
  readonly runs: number
  /** The port of the connection that it was lent, if any. */
  readonly lentTo: number | undefined
  readonly answer: Result<string, unknown>
}

const borrowers = 16
const batch = 64
/** So many batches bring about whatever a test waits for, unless it never comes. */
const mostBatches = 1_000

const idOf = ({ port }: { readonly port: number }): string => `127.0.0.1:${port}`

// --- Servers --------------------------------------------------------------------------------------------------------

/** A beat of the event loop. A loop that lags has fewer beats, so it slows down every server alike. */
const beats: Effect.Effect<(count: number, then: () => void) => void, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const due = new Map<number, Array<() => void>>()
      const clock = { now: 0, due, timer: undefined as unknown as NodeJS.Timeout }
      clock.timer = setInterval(() => {
        const now = ++clock.now
        for (const then of due.get(now) ?? []) then()
        due.delete(now)
      }, 1)
      return clock
    }),
    ({ timer }) => Effect.sync(() => clearInterval(timer))
  ),
  (clock) => (count, then) => {
    const at = clock.now + count
    clock.due.set(at, [...clock.due.get(at) ?? [], then])
  }
)

interface Ours extends Member {
  readonly server: TestServer
  /** Whether it breaks a connection when a request arrives. */
  resets: boolean
}

/** A server of this process. It answers each request after so many beats. */
const ours = (
  after: (count: number, then: () => void) => void,
  count: number
): Effect.Effect<Ours, never, Scope.Scope> =>
  Effect.gen(function*() {
    const heard: Array<string> = []
    const member = { heard: () => heard, resets: false }
    const server = yield* serve(lines((line, reply, socket) => {
      heard.push(line)
      if (member.resets) socket.resetAndDestroy()
      else after(count, () => socket.writable && reply(line))
    }))
    return Object.assign(member, { server, port: server.port, left: () => server.sockets.size })
  })

/** A server in a process of its own, which can be stopped or killed. */
const foreign = (program: string) =>
  Effect.map(childServer(program), (child) => ({
    ...child,
    heard: () => child.output().split("\n").slice(0, -1),
    left: () => 0
  }))

const three = Effect.flatMap(beats, (after) => Effect.replicateEffect(ours(after, 3), 3))

// --- The load -------------------------------------------------------------------------------------------------------

/** Plays load on a pool of these servers, of which only `bad` may fail a call. In any case nothing is left. */
const withPool = <A, E>(
  good: ReadonlyArray<Member>,
  bad: Member,
  options: Partial<TcpPool.EndpointsOptions>,
  body: (load: Load) => Effect.Effect<A, E, Scope.Scope>
) =>
  Effect.gen(function*() {
    const members = [...good, bad]
    const { load, pool } = yield* Effect.scoped(Effect.gen(function*() {
      const pool = yield* TcpPool.endpoints({
        endpoints: Endpoints.of(...members.map(({ port }) => ({ host: "127.0.0.1", port }))),
        maxConnections: 24,
        acquireTimeout: "1 minute",
        timeout: "1 minute",
        ejectAfter: 2,
        ejectionTime: "100 millis",
        slowStart: 0,
        rebalance: "20 millis",
        ...options
      })
      const events: Array<PoolEvent> = []
      yield* fork(Stream.runForEach(pool.notices, (event) => Effect.sync(() => events.push(event))))
      const load = new Load(pool, bad, events)
      yield* Effect.scoped(body(load))
      const { closed, closing, idle, inUse, opened, pending } = yield* settled(pool)
      expect(opened - totalOf(closed)).toBe(idle + inUse + closing)
      expect([inUse, pending]).toEqual([0, 0])
      return { load, pool }
    }))
    for (const { left, port } of members) yield* nothingIsLeft({ pool, port, server: left })
    const { calls, ejected, mostWaiting } = load
    expect(mostWaiting).toBe(0)
    const failed = calls.filter(({ answer }) => answer._tag === "Failure")
    expect(failed.filter(({ lentTo, runs }) => lentTo !== bad.port || runs !== 1)).toEqual([])
    expect(calls.filter(({ runs }) => runs > 1)).toEqual([])
    expect(calls.filter(({ answer, request }) => answer._tag === "Success" && answer.success !== request)).toEqual([])
    // The servers have heard each request once, at the server that it was lent to.
    const served = calls.filter(({ answer }) => answer._tag === "Success")
    for (const { heard, port } of members) {
      const own = new Set(calls.filter(({ lentTo }) => lentTo === port).map(({ request }) => request))
      const requests = heard()
      expect(new Set(requests).size).toBe(requests.length)
      expect(requests.filter((request) => !own.has(request))).toEqual([])
      const has = new Set(requests)
      expect(served.filter(({ lentTo, request }) => lentTo === port && !has.has(request))).toEqual([])
    }
    expect(ejected().filter((id) => id !== idOf(bad))).toEqual([])
    return { calls, failed, served }
  }).pipe(Effect.provide(onlyLogger(() => {})))

class Load {
  readonly calls: Array<Call> = []
  /** The most borrowers that waited at a time for an endpoint that was ejected. */
  mostWaiting = 0
  private requests = 0

  constructor(
    readonly pool: TestPool,
    private readonly bad: Member,
    private readonly events: ReadonlyArray<PoolEvent>
  ) {}

  private readonly call: Effect.Effect<void> = Effect.suspend(() => {
    const request = `request ${++this.requests}`
    let runs = 0
    let lentTo: number | undefined
    return Effect.map(
      result(this.pool.use((connection) => {
        runs++
        lentTo = connection.remoteAddress.port
        return Effect.andThen(this.look, ask(connection, request))
      })),
      (answer) => void this.calls.push({ request, runs, lentTo, answer })
    )
  })

  private readonly look: Effect.Effect<void> = Effect.suspend(() =>
    Effect.map(this.pool.endpoints, (all) => {
      for (const { state, waiting } of all) {
        if (state === "Ejected") this.mostWaiting = Math.max(this.mostWaiting, waiting)
      }
    })
  )

  /** So many calls of a few borrowers. */
  play(calls: number): Effect.Effect<void> {
    return Effect.forEach(Array.from({ length: calls }), () => this.call, { concurrency: borrowers, discard: true })
  }

  /** Does something while borrowers are at work. */
  during(change: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const before = this.calls.length
      const begun = eventually("the load has begun", () => this.calls.length >= before + batch)
      return Effect.flatMap(
        fork(this.play(4 * batch)),
        (load) => Effect.andThen(Effect.andThen(begun, change), Fiber.join(load))
      )
    })
  }

  /** Calls until something has come about. */
  until(what: string, is: () => boolean): Effect.Effect<void> {
    const giveUp = Date.now() + 60_000
    const more = (batches: number): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (is()) return Effect.void
        if (batches === 0 || Date.now() > giveUp) return Effect.die(new Error(`it never happened that ${what}`))
        return Effect.andThen(this.play(batch), Effect.suspend(() => more(batches - 1)))
      })
    return more(mostBatches)
  }

  private ids(tag: "EndpointEjected" | "EndpointRestored"): ReadonlyArray<string> {
    return this.events.flatMap((event) => event._tag === tag ? [event.endpoint!] : [])
  }

  readonly ejected = () => this.ids("EndpointEjected")
  readonly restored = () => this.ids("EndpointRestored")

  /** Calls until the bad endpoint is ejected, once more than before. */
  get untilEjected(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const before = this.ejected().length
      return this.until("the endpoint is ejected", () => this.ejected().length > before)
    })
  }

  /** Calls until the bad endpoint serves, and is known to be well. */
  get untilBack(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const before = this.calls.length
      const serves = () =>
        this.calls.slice(before).some(({ answer, lentTo }) => answer._tag === "Success" && lentTo === this.bad.port)
      return Effect.andThen(
        this.until("the endpoint serves again", serves),
        Effect.flatMap(this.state, (state) => Effect.sync(() => expect(state).toBe("Up")))
      )
    })
  }

  get state(): Effect.Effect<string | undefined> {
    return Effect.map(this.pool.endpoints, (all) => all.find(({ id }) => id === idOf(this.bad))?.state)
  }

  shareOf({ port }: Member): number {
    return this.calls.filter(({ lentTo }) => lentTo === port).length
  }
}

// --- The tests ------------------------------------------------------------------------------------------------------

const rounds = bySearch({ short: 2, full: 8, deep: 100 })

describe("one of four servers fails its borrowers only", { timeout: 60_000 + rounds * 30_000 }, () => {
  it.scopedLive("when it lets connects hang: no call fails", () =>
    Effect.gen(function*() {
      const good = yield* three
      const bad = yield* foreign(echoLines.replace(/\)$/, ", { backlog: 1 })"))
      yield* bad.freeze
      const { failed } = yield* withPool(good, bad, { connectTimeout: "1 second" }, (load) =>
        Effect.gen(function*() {
          yield* Effect.scoped(Effect.gen(function*() {
            // They fill the queue of the server: further connects get no answer.
            for (let i = 0; i < 2; i++) yield* TcpConnection.open({ host: "127.0.0.1", port: bad.port })
            yield* load.untilEjected
            yield* load.play(4 * batch)
            expect(load.shareOf(bad)).toBe(0)
            yield* bad.thaw
          }))
          yield* load.untilBack
          expect(load.restored().length).toBeGreaterThan(0)
        }))
      expect(failed).toEqual([])
    }))

  it.scopedLive("when it stops to answer: those that wait for its answers run out of time", () =>
    Effect.gen(function*() {
      const good = yield* three
      const bad = yield* foreign(echoLines)
      const { failed } = yield* withPool(good, bad, { timeout: "5 seconds" }, (load) =>
        Effect.gen(function*() {
          yield* load.untilBack
          yield* load.during(bad.freeze)
          yield* load.untilEjected
          yield* bad.thaw
          yield* load.untilBack
        }))
      expect(failed.length).toBeGreaterThan(0)
      expect(failed.map(({ answer }) => answer)).toEqual(
        failed.map(() => ({ _tag: "Failure", failure: expect.objectContaining({ reason: "Timeout" }) }))
      )
    }))

  it.scopedLive("when it is ten times as slow: it gets less, and stays", () =>
    Effect.gen(function*() {
      const after = yield* beats
      const good = yield* Effect.replicateEffect(ours(after, 3), 3)
      const bad = yield* ours(after, 30)
      const { failed } = yield* withPool(good, bad, { maxConnections: 4 * borrowers }, (load) =>
        Effect.gen(function*() {
          yield* load.play(30 * batch)
          expect(yield* load.state).toBe("Up")
          expect(load.ejected()).toEqual([])
          expect(load.shareOf(bad)).toBeGreaterThan(0)
          for (const other of good) expect(load.shareOf(other)).toBeGreaterThan(2 * load.shareOf(bad))
        }))
      expect(failed).toEqual([])
    }))

  it.scopedLive("when it refuses connections, serves and resets them by turns", () =>
    Effect.gen(function*() {
      const after = yield* beats
      const good = yield* Effect.replicateEffect(ours(after, 3), 3)
      const bad = yield* ours(after, 3)
      const set = (resets: boolean) =>
        Effect.sync(() => {
          bad.resets = resets
        })
      yield* withPool(good, bad, {}, (load) =>
        Effect.gen(function*() {
          yield* load.untilBack
          for (let round = 0; round < rounds; round++) {
            yield* load.during(Effect.promise(bad.server.stop))
            yield* load.untilEjected
            yield* Effect.promise(bad.server.start)
            yield* load.untilBack
            yield* load.during(set(true))
            yield* load.untilEjected
            yield* set(false)
            yield* load.untilBack
          }
          expect(load.restored().length).toBeGreaterThanOrEqual(2 * rounds)
        }))
    }))

  it.scopedLive("when it dies under load and is started again", () =>
    Effect.gen(function*() {
      const good = yield* three
      const bad = yield* foreign(echoLines)
      yield* withPool(good, bad, {}, (load) =>
        Effect.gen(function*() {
          yield* load.untilBack
          for (let round = 0; round < rounds; round++) {
            yield* load.during(bad.kill)
            yield* load.untilEjected
            yield* bad.restart
            yield* load.untilBack
          }
        }))
    }))
})
