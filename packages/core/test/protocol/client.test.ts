// A pool of sessions over a server in memory that answers each line with the same line.
import { Client, type Connection, Endpoints, Framing, Protocol } from "@socketpool/core"
import { config, configured, exitOf, fork, provideScope, repeatN, TestClock, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Interruptions, MemoryServer, Rng } from "@socketpool/testing"
import { Config, Data, Deferred, Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import { text } from "../connection/setup.js"
import { forkSettled, settled } from "../setup.js"
import { arrived, defectOf, inOrder, lines, tagged } from "./setup.js"

const serve = (peer: Connection) =>
  Effect.forever(Effect.flatMap(peer.recvUntil("\n"), (line) => Effect.andThen(yieldNow, peer.send(line))))

/** Answers whole batches, some turns later. */
const serveLate = (peer: Connection) =>
  Effect.forever(Effect.flatMap(peer.recv(65_536), (batch) => Effect.andThen(repeatN(yieldNow, 20), peer.send(batch))))

const echo = MemoryServer.make(serve)

/** Options without those that every test sets. */
type Given = Partial<Client.Options<typeof inOrder, any, never, any, never, never, never>>

const clientOf = (server: MemoryServer.MemoryServer, options: Given = {}) =>
  Client.make({ protocol: inOrder, open: server.connect(), ...options })

const echoing = (options?: Given) =>
  Effect.gen(function*() {
    const server = yield* echo
    return { server, client: yield* clientOf(server, options) }
  })

/** The server answers only what it is told to. */
const silent = (options?: Given) =>
  Effect.gen(function*() {
    const peers: Array<Connection> = []
    const server = yield* MemoryServer.make((peer) => Effect.andThen(Effect.sync(() => peers.push(peer)), Effect.never))
    return { server, peers, client: yield* clientOf(server, options) }
  })

const settledStats = (client: Client.Client<any, any, any, any>) => Effect.andThen(settled, client.pool.stats)

describe("requests", () => {
  it.scoped("share a connection, and open another when maxInFlight are in flight", () =>
    Effect.gen(function*() {
      const { client, peers } = yield* silent({ maxInFlight: 2, maxConnections: 2 })
      const fibers = yield* Effect.forEach(["a", "b", "c", "d", "e"], (request) => forkSettled(client.request(request)))
      expect(yield* client.pool.stats).toMatchObject({ inUse: 2, leased: 4, pending: 1 })
      expect(yield* client.stats).toMatchObject({ requests: 4, inFlight: 4 })
      yield* peers[0]!.send("A\n")
      yield* settled
      expect(yield* Fiber.join(fibers[0]!)).toBe("A")
      yield* peers[0]!.send("B\nE\n")
      yield* peers[1]!.send("C\nD\n")
      yield* settled
      expect(yield* Effect.forEach(fibers.slice(1), Fiber.join)).toEqual(["B", "C", "D", "E"])
      expect(yield* settledStats(client)).toMatchObject({ opened: 2, inUse: 0, pending: 0 })
      expect((yield* client.stats).roundTripTime.count).toBe(5)
    }))

  it.scoped("go to the connection with the fewest in flight", () =>
    Effect.gen(function*() {
      const inFlight: Array<number> = []
      const server = yield* MemoryServer.make((peer) => {
        const at = inFlight.push(0) - 1
        return Effect.forever(Effect.map(peer.recvUntil("\n"), () => inFlight[at]!++))
      })
      const client = yield* clientOf(server, { minConnections: 3, maxConnections: 3, drainTimeout: 0 })
      yield* settled
      for (let n = 1; n <= 7; n++) {
        yield* forkSettled(client.request(`${n}`))
        expect([...inFlight].sort()).toEqual([Math.floor(n / 3), Math.floor((n + 1) / 3), Math.floor((n + 2) / 3)])
      }
    }))

  /** The server answers every line but `hang`, after which it is silent on that connection. */
  const hanging = (options: Given) =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(
          Effect.flatMap(peer.recvUntil("\n"), (line) => text(line) === "hang\n" ? Effect.never : peer.send(line))
        )
      )
      const client = yield* clientOf(server, { drainTimeout: 0, ...options })
      const hang = Effect.andThen(
        forkSettled(Effect.exit(client.request("hang", { timeout: "500 millis" }))),
        TestClock.adjust("500 millis")
      )
      const ask = (request: string) =>
        Effect.tap(forkSettled(Effect.option(client.request(request, { timeout: "500 millis" }))), () =>
          TestClock.adjust("500 millis")).pipe(Effect.flatMap(Fiber.join), Effect.map(Option.getOrUndefined))
      return { ask, client, hang }
    })

  it.scoped("avoid a connection that owes responses to requests that were given up", () =>
    Effect.gen(function*() {
      const { ask, client, hang } = yield* hanging({ minConnections: 2, maxConnections: 2 })
      yield* settled
      yield* hang
      expect(yield* Effect.forEach(["a", "b", "c"], ask)).toEqual(["a", "b", "c"])
      const alone = yield* client.withExclusive((session) => session.request("alone"))
      expect([alone, (yield* client.pool.stats).opened]).toEqual(["alone", 2])
    }))

  it.scoped("prefer the connection that owes fewer responses where all have as many in flight", () =>
    Effect.gen(function*() {
      const { client, peers } = yield* silent({ minConnections: 2, maxConnections: 2, drainTimeout: 0 })
      yield* settled
      const fibers = yield* Effect.forEach(["a", "b", "c", "d"], (request) => forkSettled(client.request(request)))
      // Each has two. One loses a request that is given up, and the other one that is answered.
      const asked = yield* Effect.forEach(peers, (peer) => arrived(peer, 2))
      const owing = asked.findIndex((lines) => lines.includes("a"))
      yield* Fiber.interrupt(fibers[0]!)
      const other = fibers["abcd".indexOf(asked[1 - owing]![0]!)]!
      yield* peers[1 - owing]!.send("answer\n")
      yield* Fiber.join(other)
      yield* forkSettled(client.request("probe"))
      expect(exitOf(yield* forkSettled(arrived(peers[1 - owing]!, 1)))).toEqual(Exit.succeed(["probe"]))
    }))

  it.scoped("that share such a connection have another opened for those after them", () =>
    Effect.gen(function*() {
      const { ask, client, hang } = yield* hanging({ maxConnections: 2 })
      yield* hang
      expect(yield* Effect.forEach(["a", "b", "c"], ask)).toEqual([undefined, "b", "c"])
      expect((yield* client.pool.stats).opened).toBe(2)
    }))

  // Promise 2
  it.scoped("that are interrupted cost no connection, and no other its response", () =>
    Effect.gen(function*() {
      const client = yield* clientOf(yield* MemoryServer.make(serveLate), { maxConnections: 4, maxInFlight: 32 })
      const rng = Rng.make(1)
      const outcome = { own: 0, foreign: 0, interrupted: 0 }
      const one = (n: number) =>
        Effect.gen(function*() {
          const fiber = yield* fork(client.request(`${n}`))
          for (let turns = rng.between(0, 30); turns > 0; turns--) yield* yieldNow
          if (n % 2 === 0) yield* Fiber.interrupt(fiber)
          const exit = yield* Fiber.await(fiber)
          if (Exit.isFailure(exit)) outcome.interrupted++
          else if (exit.value === `${n}`) outcome.own++
          else outcome.foreign++
        })
      yield* Effect.forEach(Array.from({ length: 20_000 }, (_, n) => n), one, { concurrency: 100, discard: true })
      expect(outcome.foreign).toBe(0)
      expect(outcome.interrupted).toBeGreaterThan(2_000)
      expect((yield* client.stats).abandoned).toBeGreaterThan(1_000)
      const { closed, opened } = yield* client.pool.stats
      expect(Object.values(closed)).toEqual(Object.values(closed).map(() => 0))
      expect(opened).toBeLessThanOrEqual(4)
    }), 60_000)

  it.scoped("that cannot be sent, or whose encoding dies, give their lease back", () =>
    Effect.gen(function*() {
      const { client } = yield* echoing()
      expect(yield* Effect.flip(client.request("a\nb"))).toBeInstanceOf(Framing.FramingError)
      expect(yield* settledStats(client)).toMatchObject({ inUse: 0, idle: 1, opened: 1 })
      const dying = yield* Client.make({
        protocol: Protocol.inOrder({ framing: lines, replies: () => 0.5 }),
        open: (yield* echo).connect()
      })
      expect(yield* defectOf(dying.request("a"))).toContain("replies must return")
      expect(yield* settledStats(dying)).toMatchObject({ inUse: 0 })
    }))

  it.scoped("are told where nothing answers", () =>
    Effect.gen(function*() {
      const { peers, client } = yield* silent()
      yield* client.tell("news")
      expect(text(yield* peers[0]!.recvUntil("\n"))).toBe("news\n")
      expect(yield* settledStats(client)).toMatchObject({ inUse: 0, idle: 1 })
    }))

  it.scoped("end within their timeout, and the connection stays", () =>
    Effect.gen(function*() {
      const { client, peers } = yield* silent({ maxConnections: 1 })
      const late = yield* forkSettled(Effect.flip(client.request("a", { timeout: 10 })))
      yield* TestClock.adjust(10)
      expect(yield* Fiber.join(late)).toMatchObject({ reason: "Timeout", sent: "Maybe" })
      const next = yield* forkSettled(client.request("b"))
      yield* peers[0]!.send("A\nB\n")
      expect(yield* Fiber.join(next)).toBe("B")
      expect(yield* settledStats(client)).toMatchObject({ opened: 1, idle: 1 })
    }))
})

describe("requestWith", () => {
  it.scoped("continues with what it makes of the response, and fails as that does", () =>
    Effect.gen(function*() {
      const { client } = yield* echoing()
      expect(yield* client.requestWith("a", (response) => Exit.succeed(response.length))).toBe(1)
      expect(yield* client.requestWith("ab", (response) => Effect.as(yieldNow, response.length))).toBe(2)
      expect(yield* Effect.flip(client.requestWith("a", (response) => Exit.fail(`no ${response}`)))).toBe("no a")
      expect(yield* Effect.flip(client.requestWith("a\nb", () => Exit.fail("never")))).toMatchObject({
        _tag: "FramingError"
      })
    }))

  it.scoped("reads once the connection is free, and costs none whatever that does", () =>
    Effect.gen(function*() {
      const { client } = yield* echoing({ maxConnections: 1, maxInFlight: 1 })
      const within = client.requestWith("a", () => Effect.zip(client.request("b"), client.pool.stats))
      expect(yield* within).toMatchObject(["b", { inUse: 0 }])
      expect(yield* defectOf(client.requestWith("a", () => new Array(-1) as never))).toContain("Invalid array length")
      const reading = yield* forkSettled(client.requestWith("a", () => Effect.never))
      yield* Fiber.interrupt(reading)
      expect(yield* settledStats(client)).toMatchObject({ opened: 1, inUse: 0, idle: 1, pending: 0 })
    }))

  it.scoped("refuses what is no function", () =>
    Effect.gen(function*() {
      const { client } = yield* echoing()
      expect(() => client.requestWith("a", "b" as never)).toThrow("Client.requestWith: read must be a function")
    }))
})

describe("a connection that fails", () => {
  // Promise 5
  it.scoped("costs no request that was not sent: it is tried again on another, once by default", () =>
    Effect.gen(function*() {
      const { client, peers, server } = yield* silent({ maxInFlight: 2, maxConnections: 1 })
      const sent = yield* forkSettled(Effect.flip(client.request("a")))
      // This one has its lease, and is not sent while the writer waits for its turn.
      yield* server.reset
      const unsent = yield* forkSettled(client.request("b"))
      expect(yield* Fiber.join(sent)).toMatchObject({ reason: "Reset", sent: "Maybe" })
      yield* settled
      expect(text(yield* peers[1]!.recvUntil("\n"))).toBe("b\n")
      yield* peers[1]!.send("B\n")
      expect(yield* Fiber.join(unsent)).toBe("B")
    }))

  it.scoped.each([[0, 1], [1, 2], [3, 4]] as const)(
    "is tried %d times again",
    ([retryUnsent, tries]) =>
      Effect.gen(function*() {
        let opened = 0
        // Connections that look open, and refuse what is sent.
        const server = yield* echo
        const open = Effect.tap(server.connect(), (connection) => {
          opened++
          return Effect.orDie(connection.shutdown)
        })
        const client = yield* clientOf(server, { open, retryUnsent, maxConnections: 8 })
        const asking = yield* forkSettled(Effect.exit(client.request("a")))
        yield* TestClock.adjust("1 minute")
        expect(Exit.isFailure(yield* Fiber.join(asking))).toBe(true)
        expect(opened).toBeGreaterThanOrEqual(1)
        expect(opened).toBeLessThanOrEqual(tries + 1)
      })
  )

  // Promise 4
  it.scoped("because the peer is stuck is found within stallTimeout, and others serve meanwhile", () =>
    Effect.gen(function*() {
      const { client, peers } = yield* silent({ stallTimeout: "1 second", maxConnections: 2, maxInFlight: 1 })
      const stuck = yield* forkSettled(Effect.flip(client.request("a")))
      const served = yield* forkSettled(client.request("b"))
      yield* peers[1]!.send("B\n")
      expect(yield* Fiber.join(served)).toBe("B")
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(stuck)).toMatchObject({ reason: "Timeout", sent: "Maybe" })
      expect(yield* settledStats(client)).toMatchObject({ closed: { Desync: 1 }, idle: 1 })
      expect(yield* client.stats).toMatchObject({ stalls: 1, inFlight: 0 })
    }))

  it.scoped("because the peer does not read loses what it was sent, and tries the rest again elsewhere", () =>
    Effect.gen(function*() {
      let accepted = 0
      // The first connection is never read from.
      const server = yield* MemoryServer.make((peer) => ++accepted === 1 ? Effect.never : serve(peer))
      const client = yield* clientOf(server, { maxConnections: 1, stallTimeout: "1 second" })
      const large = "x".repeat(60_000)
      const asking = yield* Effect.forEach(["a", "b", "c"], (name) => fork(Effect.exit(client.request(name + large))))
      yield* settled
      const behind = yield* forkSettled(client.request("behind"))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(behind)).toBe("behind")
      const exits = yield* Effect.forEach(asking, Fiber.join)
      expect(exits.filter(Exit.isFailure).length).toBeGreaterThan(0)
      expect(yield* client.stats).toMatchObject({ stalls: 1, inFlight: 0 })
    }))

  it.scoped("a request whose own time is over before it is sent is not tried again", () =>
    Effect.gen(function*() {
      let accepted = 0
      const server = yield* MemoryServer.make((peer) => ++accepted === 1 ? Effect.never : serve(peer))
      const client = yield* clientOf(server, { maxConnections: 2, drainTimeout: 0 })
      yield* Effect.forEach(["a", "b", "c"], (name) => fork(Effect.exit(client.request(name + "x".repeat(60_000)))))
      yield* settled
      const late = yield* forkSettled(Effect.flip(client.request("late", { timeout: 10 })))
      yield* TestClock.adjust(10)
      expect(yield* Fiber.join(late)).toMatchObject({ reason: "Timeout", sent: "No" })
      expect(accepted).toBe(1)
    }))

  it.scoped.each(
    [["Desync", (server: MemoryServer.MemoryServer) => server.push("unasked\n")], [
      "Disconnected",
      (server: MemoryServer.MemoryServer) => server.end
    ]] as const
  )("while idle closes as %s", ([reason, end]) =>
    Effect.gen(function*() {
      const { client, server } = yield* echoing()
      yield* client.request("a")
      yield* end(server)
      expect(yield* settledStats(client)).toMatchObject({ closed: { [reason]: 1 }, idle: 0 })
      expect(yield* client.request("b")).toBe("b")
    }))
})

describe("an exclusive session", () => {
  it.scoped("serves nobody else until its scope closes, and nothing afterwards", () =>
    Effect.gen(function*() {
      const { client } = yield* echoing({ maxConnections: 1 })
      const scope = yield* Scope.make()
      const session = yield* provideScope(client.exclusive, scope)
      const other = yield* forkSettled(client.request("other"))
      expect(yield* session.request("mine")).toBe("mine")
      expect(exitOf(other)).toBeUndefined()
      yield* Scope.close(scope, Exit.void)
      expect(yield* Fiber.join(other)).toBe("other")
      expect(yield* Effect.flip(session.request("late"))).toMatchObject({ reason: "Released", sent: "No" })
      expect(session.isConnected).toBe(false)
      expect((yield* client.pool.stats).opened).toBe(1)
    }))

  const ends: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown>, number]> = [
    ["a success", Effect.void, 0],
    ["a typed failure", Effect.fail("no"), 0],
    ["an interruption", Effect.interrupt, 1],
    ["a defect", Effect.die("no"), 1]
  ]
  it.scoped.each(ends)(
    "closes its connection after an interruption or a defect alone: %s",
    ([, end, closed]) =>
      Effect.gen(function*() {
        const { client } = yield* echoing({ maxConnections: 1 })
        for (
          const borrow of [
            client.withExclusive(() => end),
            Effect.scoped(Effect.andThen(client.exclusive, end))
          ]
        ) {
          yield* Effect.exit(borrow)
          yield* settled
        }
        expect((yield* client.pool.stats).closed.Discarded).toBe(2 * closed)
      })
  )

  it.scoped("that is discarded closes its connection", () =>
    Effect.gen(function*() {
      const { client } = yield* echoing({ maxConnections: 1 })
      yield* client.withExclusive((session) => Effect.andThen(session.request("MULTI"), session.discard))
      yield* settled
      expect(yield* client.request("a")).toBe("a")
      expect(yield* client.pool.stats).toMatchObject({ opened: 2 })
    }))
})

class Denied extends Data.TaggedError("Denied")<{}> {}

describe("the life of a connection", () => {
  it.scoped("begins with the handshake, whose failure is that of the open", () =>
    Effect.gen(function*() {
      const { client, server } = yield* echoing({
        maxConnections: 1,
        handshake: (session) =>
          Effect.filterOrFail(session.request("AUTH"), (answer) => answer === "AUTH", () => new Denied())
      })
      expect(yield* client.request("a")).toBe("a")
      const denied = yield* clientOf(server, { handshake: () => Effect.fail(new Denied()) })
      expect(yield* Effect.flip(denied.request("a"))).toBeInstanceOf(Denied)
      expect(yield* settledStats(denied)).toMatchObject({ openFailed: 1, opened: 0 })
    }))

  it.scoped("ends with the farewell, if it is in order", () =>
    Effect.gen(function*() {
      const said: Array<string> = []
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(Effect.flatMap(peer.recvUntil("\n"), (line) => {
          said.push(text(line).trimEnd())
          return peer.send(line)
        }))
      )
      const client = yield* clientOf(server, { farewell: (session) => session.request("QUIT") })
      yield* client.request("a")
      yield* client.pool.clear
      yield* settled
      expect(said).toEqual(["a", "QUIT"])
    }))

  it.scoped("is validated by a request", () =>
    Effect.gen(function*() {
      let asked = 0
      const { client } = yield* echoing({
        validateAfterIdle: 0,
        validate: (session) => Effect.as(Effect.sync(() => asked++), session.isConnected)
      })
      yield* client.request("a")
      expect(yield* client.request("b")).toBe("b")
      expect(asked).toBe(1)
    }))

  it.scoped("leaves no fiber, request or lease when the client closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { client, server } = yield* provideScope(silent({ drainTimeout: 10 }), scope)
      const asking = yield* forkSettled(Effect.flip(client.request("a")))
      const closing = yield* fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      expect(yield* Fiber.join(asking)).toMatchObject({ _tag: "ConnectionError", sent: "Maybe" })
      expect(yield* client.stats).toMatchObject({ inFlight: 0, tombstones: 0 })
      expect(yield* server.connections).toBe(0)
      expect(yield* Effect.flip(client.request("b"))).toMatchObject({ _tag: "PoolClosedError" })
    }))
})

// Promise 8
describe("an interruption at any step", { timeout: 60_000 }, () => {
  const subjects: ReadonlyArray<
    readonly [
      string,
      (client: Client.Client<string, string, string, unknown>) => Effect.Effect<unknown, unknown>,
      number
    ]
  > = [
    ["request", (client) => client.request("mine"), 6],
    ["request with a timeout", (client) => client.request("mine", { timeout: "1 hour" }), 6],
    ["requestWith", (client) => client.requestWith("mine", () => yieldNow), 8],
    ["tell", (client) => client.tell("mine"), 5],
    ["withExclusive", (client) => client.withExclusive((session) => session.request("mine")), 8],
    ["exclusive", (client) => Effect.scoped(Effect.flatMap(client.exclusive, (session) => session.request("mine"))), 12]
  ]
  for (const isBusy of [false, true]) {
    it.effect.each(subjects)(
      `of %s on ${isBusy ? "a busy" : "an idle"} connection loses nothing`,
      ([name, subject, atLeast]) =>
        Effect.gen(function*() {
          const report = yield* Interruptions.explore((forkSubject) =>
            Effect.scoped(Effect.gen(function*() {
              const gate = yield* Deferred.make<void>()
              const server = yield* MemoryServer.make((peer) =>
                Effect.forever(Effect.flatMap(peer.recvUntil("\n"), (line) =>
                  Effect.andThen(
                    text(line) === "slow\n" ? Deferred.await(gate) : Effect.void,
                    text(line) === "mine\n" && name === "tell" ? Effect.void : peer.send(line)
                  )))
              )
              const client = yield* clientOf(server, { maxConnections: 1, maxInFlight: 3 })
              yield* client.request("warm")
              const before = isBusy ? yield* fork(client.request("slow")) : undefined
              yield* yieldNow
              const fiber = yield* forkSubject(subject(client))
              const beside = isBusy ? yield* fork(client.request("beside")) : undefined
              for (let i = 0; i < 20; i++) yield* yieldNow
              yield* Deferred.succeed(gate, undefined)
              yield* Fiber.await(fiber)
              const problems: Array<string> = []
              if (before !== undefined && (yield* Fiber.join(before)) !== "slow") {
                problems.push("slow got another's response")
              }
              if (beside !== undefined && (yield* Fiber.join(beside)) !== "beside") {
                problems.push("beside got another's response")
              }
              if ((yield* client.request("after")) !== "after") problems.push("after got another's response")
              for (let i = 0; i < 20; i++) yield* yieldNow
              const { inFlight, tombstones } = yield* client.stats
              const { inUse, leased, pending } = yield* client.pool.stats
              if (inFlight + tombstones + inUse + leased + pending > 0) {
                problems.push(`left: ${JSON.stringify({ inFlight, tombstones, inUse, leased, pending })}`)
              }
              return problems
            })).pipe(Effect.orDie)
          )
          expect(report.violations).toEqual([])
          expect(report.steps).toBeGreaterThanOrEqual(atLeast)
        })
    )
  }
})

describe("a service", () => {
  class Cache extends Client.Service<Cache, typeof tagged>()("test/Cache") {}

  it.effect("has accessors, and layers with and without a configuration", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const response = yield* Cache.request("a")
        const alone = yield* Cache.withExclusive((session) => session.request("b"))
        yield* Cache.tell("c")
        const { requests } = yield* Cache.stats
        return [response, alone, requests]
      })
      const server = yield* echo
      const open = Effect.orDie(server.connect())
      const withConfig = Cache.layerConfig(
        Config.map(config.integer("SIZE"), (maxConnections) => ({ protocol: tagged, open, maxConnections }))
      )
      const provider = configured({ SIZE: "2" })
      for (const layer of [Cache.layer({ protocol: tagged, open }), Layer.provide(withConfig, provider)]) {
        expect(yield* Effect.provide(program, layer)).toEqual(["0 a", "1 b", 3])
      }
    }).pipe(Effect.scoped))
})

describe("options", () => {
  it.effect.each(
    [
      [{ protocol: {} }, "Client.make: protocol must be a Protocol, such as Protocol.inOrder makes"],
      [{ retryUnsent: -1 }, "Client.make: retryUnsent must be a whole number of at least 0, but is -1"],
      [{ concurrency: 3 }, "Client.make: concurrency is not an option"],
      [{ handshake: 3 }, "Client.make: handshake must be a function, but is 3"],
      [{ maxConnections: 0 }, "Client.make: maxConnections must be a whole number of at least 1, but is 0"],
      [{ maxInFlight: "3" }, "Client.make: maxInFlight must be a whole number of at least 1"]
    ] as ReadonlyArray<readonly [object, string]>
  )("%j is refused by name, value and rule", ([options, message]) =>
    Effect.gen(function*() {
      expect(yield* defectOf(Effect.scoped(echoing(options as Given)))).toContain(message)
    }))

  it.effect("that contradict each other are refused by the client, not by its pool", () =>
    Effect.gen(function*() {
      const endpoints = Endpoints.of({ host: "a", port: 1 })
      const made = Client.endpoints({ protocol: inOrder, endpoints, open: () => Effect.never, probeInterval: 5 })
      expect(yield* defectOf(Effect.scoped(made))).toContain(
        "Client.endpoints: probeInterval must be set only together"
      )
    }))

  it.scoped("of a request are refused, too", () =>
    Effect.gen(function*() {
      const { client } = yield* echoing()
      expect(yield* defectOf(Effect.suspend(() => client.request("a", { timeout: -1 })))).toContain(
        "Client.request: timeout must be"
      )
    }))
})
