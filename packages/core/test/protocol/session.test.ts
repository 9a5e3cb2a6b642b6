// Many requests on one connection, in order and tagged, on the test's clock.
import { Framing, Protocol, Session } from "@socketpool/core"
import { collect, exitOf, fork, provideScope, result, TestClock, yieldNow } from "@socketpool/test-seam"
import { assert, describe, expect, it } from "@socketpool/test-seam/virtual"
import { Interruptions } from "@socketpool/testing"
import { Effect, Exit, Fiber, Option, Scope } from "effect"
import { forkSettled, settled } from "../setup.js"
import { arrived, connected, defectOf, inOrder, lines, tagged } from "./setup.js"

const failure = (reason: string, sent: "No" | "Maybe") => ({ _tag: "ConnectionError", reason, sent })

const none = { inFlight: 0, abandoned: 0, isConnected: true }

describe("requests in order", () => {
  it.scoped("leave together, and each gets its own response", () =>
    Effect.gen(function*() {
      const { peer, session } = yield* connected(inOrder)
      const fibers = yield* Effect.forEach(["a", "b", "c"], (request) => fork(session.request(request)))
      yield* settled
      expect(yield* arrived(peer, 3)).toEqual(["a", "b", "c"])
      expect(session.inFlight).toBe(3)
      yield* peer.send("A\nB\nC")
      yield* settled
      expect(fibers.map(exitOf)).toEqual([Exit.succeed("A"), Exit.succeed("B"), undefined])
      yield* peer.send("\n")
      expect(yield* Fiber.join(fibers[2]!)).toBe("C")
      expect(session).toMatchObject(none)
    }))

  const stops: ReadonlyArray<
    readonly [string, (session: Session.Session<string, string, unknown>) => Effect.Effect<unknown>, object]
  > = [
    ["is interrupted", (session) => Effect.orDie(Effect.timeoutOption(session.request("a"), 10)), { _tag: "None" }],
    ["times out", (session) => result(session.request("a", { timeout: 10 })), { failure: failure("Timeout", "Maybe") }]
  ]
  it.scoped.each(stops)(
    "whose asker %s keep their place: the next response is the next request's",
    ([, ask, expected]) =>
      Effect.gen(function*() {
        const { peer, session } = yield* connected(inOrder)
        const first = yield* forkSettled(ask(session))
        const second = yield* forkSettled(session.request("b"))
        expect(yield* arrived(peer, 2)).toEqual(["a", "b"])
        yield* TestClock.adjust(10)
        const outcome = yield* Fiber.join(first)
        expect(outcome).toMatchObject(expected)
        expect(session).toMatchObject({ inFlight: 1, abandoned: 1 })
        yield* peer.send("A\nB\n")
        expect(yield* Fiber.join(second)).toBe("B")
        expect(session).toMatchObject(none)
      })
  )

  it.scoped("wait for their turn beyond maxInFlight; one that gives up before it was sent is never sent", () =>
    Effect.gen(function*() {
      const { peer, read, session } = yield* connected(inOrder, { maxInFlight: 2 })
      const [a, b, c, d] = yield* Effect.forEach(
        ["a", "b", "c", "d"],
        (request) => forkSettled(session.request(request))
      )
      expect(yield* arrived(peer, 2)).toEqual(["a", "b"])
      yield* Fiber.interrupt(c!)
      expect(session).toMatchObject({ inFlight: 2, abandoned: 0 })
      yield* peer.send("A\n")
      expect(yield* Fiber.join(a!)).toBe("A")
      expect(yield* read).toBe("d")
      yield* peer.send("B\nD\n")
      expect([yield* Fiber.join(b!), yield* Fiber.join(d!)]).toEqual(["B", "D"])
    }))

  it.scoped("that time out before they were sent say so", () =>
    Effect.gen(function*() {
      const { session } = yield* connected(inOrder, { maxInFlight: 1 })
      yield* forkSettled(session.request("a"))
      const late = yield* forkSettled(Effect.flip(session.request("b", { timeout: 10 })))
      yield* TestClock.adjust(10)
      expect(yield* Fiber.join(late)).toMatchObject(failure("Timeout", "No"))
    }))

  it.scoped("an abandoned request makes room for another, up to maxAbandoned", () =>
    Effect.gen(function*() {
      const { peer, read, session } = yield* connected(inOrder, { maxInFlight: 1, maxAbandoned: 2 })
      for (const request of ["a", "b"]) {
        const fiber = yield* forkSettled(session.request(request))
        expect(yield* read).toBe(request)
        yield* Fiber.interrupt(fiber)
      }
      expect(session).toMatchObject({ inFlight: 0, abandoned: 2, isConnected: true })
      const waiting = yield* forkSettled(Effect.flip(session.request("c")))
      const unsent = yield* forkSettled(Effect.flip(session.request("d")))
      const other = yield* forkSettled(session.closed)
      yield* peer.send("A\n")
      yield* settled
      expect(session.abandoned).toBe(1)
      expect(exitOf(waiting)).toBeUndefined()
      yield* Fiber.interrupt(waiting)
      yield* settled
      expect(session.abandoned).toBe(2)
      yield* Fiber.interrupt(unsent)
      yield* settled
      expect(session.isConnected).toBe(false)
      yield* Fiber.join(other)
    }))

  it.scoped("may have several answers, which come whole, or none", () =>
    Effect.gen(function*() {
      const protocol = Protocol.inOrder({ framing: lines, replies: (request) => Number(request.slice(1)) })
      const { peer, session } = yield* connected(protocol)
      const none = yield* forkSettled(session.request("n0"))
      expect(yield* Fiber.join(none)).toBeUndefined()
      const three = yield* fork(session.request("t3"))
      const gone = yield* fork(session.request("g2"))
      const one = yield* forkSettled(session.request("o1"))
      expect(yield* arrived(peer, 4)).toEqual(["n0", "t3", "g2", "o1"])
      yield* peer.send("1\n2\n")
      yield* settled
      yield* Fiber.interrupt(gone)
      yield* peer.send("3\nx\n")
      expect(yield* Fiber.join(three)).toEqual(["1", "2", "3"])
      yield* peer.send("y\nz\n")
      expect(yield* Fiber.join(one)).toBe("z")
    }))

  it.scoped("half of whose answers have come keep the place of the others", () =>
    Effect.gen(function*() {
      const protocol = Protocol.inOrder({ framing: lines, replies: () => 2 })
      const { peer, session } = yield* connected(protocol)
      const gone = yield* fork(session.request("a"))
      const next = yield* forkSettled(session.request("b"))
      yield* peer.send("1\n")
      yield* settled
      yield* Fiber.interrupt(gone)
      yield* peer.send("2\n3\n4\n")
      expect(yield* Fiber.join(next)).toEqual(["3", "4"])
    }))
})

describe("texts and bytes that are sent at once", () => {
  const either = Protocol.inOrder({
    framing: { decoder: lines.decoder, encode: (request: Uint8Array | string) => request }
  })
  const utf8 = (text: string) => new TextEncoder().encode(text)
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<Uint8Array | string>]> = [
    ["texts", ["a", "b\n", "ä€😀"]],
    ["texts and bytes, in order", ["a", utf8("b"), "c", "ä", utf8("€"), utf8("d")]],
    ["halves of a character that stand in two requests", ["a\ud83d", "\ude00b", "c"]],
    ["half a character at the end", ["a", "b\ud83d"]]
  ]
  it.scoped.each(cases)("arrive each as it is: %s", ([_, requests]) =>
    Effect.gen(function*() {
      const { peer, session } = yield* connected(either)
      for (const request of requests) yield* fork(session.tell(request))
      yield* settled
      const sent = requests.map((request) => typeof request === "string" ? utf8(request) : request)
      expect([...(yield* peer.recv(1_000))]).toEqual(sent.flatMap((one) => [...one]))
    }))
})

describe("tagged requests", () => {
  it.scoped("get their responses in any order", () =>
    Effect.gen(function*() {
      const { peer, session } = yield* connected(tagged)
      const fibers = yield* Effect.forEach(["a", "b", "c"], (request) => fork(session.request(request)))
      yield* settled
      expect(yield* arrived(peer, 3)).toEqual(["0 a", "1 b", "2 c"])
      yield* Fiber.interrupt(fibers[1]!)
      yield* peer.send("2 C\n1 B\n0 A\n")
      expect([yield* Fiber.join(fibers[0]!), yield* Fiber.join(fibers[2]!)]).toEqual(["0 A", "2 C"])
      expect(session).toMatchObject(none)
    }))

  it.scoped("take no tag that is in flight or whose response is still to come", () =>
    Effect.gen(function*() {
      const { peer, session } = yield* connected(Protocol.tagged({
        framing: lines,
        encode: (tag: number, request: string) => `${tag} ${request}`,
        tagOf: (line) => Option.some(Number(line.split(" ")[0])),
        tags: Protocol.numbers(2)
      }))
      const [gone, , third] = yield* Effect.forEach(["a", "b", "c"], (request) => forkSettled(session.request(request)))
      yield* Fiber.interrupt(gone!)
      yield* peer.send("2 C\n")
      expect(yield* Fiber.join(third!)).toBe("2 C")
      yield* forkSettled(session.request("d"))
      expect(yield* arrived(peer, 4)).toEqual(["0 a", "1 b", "2 c", "2 d"])
      expect(yield* defectOf(session.request("e"))).toContain(
        "tags must come to one that is not in use, but all of 3 are"
      )
      expect(session.isConnected).toBe(true)
    }))

  it.scoped("give their tag back if they are not sent", () =>
    Effect.gen(function*() {
      const { peer, session } = yield* connected(
        Protocol.tagged({
          framing: lines,
          encode: (tag: number, request: string) => `${tag} ${request}`,
          tagOf: (line) => Option.some(Number(line.split(" ")[0])),
          tags: Protocol.numbers(1)
        }),
        { maxInFlight: 1 }
      )
      const first = yield* forkSettled(session.request("a"))
      for (let i = 0; i < 5; i++) {
        yield* Fiber.interrupt(yield* forkSettled(session.request("unsent")))
        expect(yield* Effect.flip(session.request("a\nb"))).toBeInstanceOf(Framing.FramingError)
      }
      yield* peer.send("0 A\n")
      expect(yield* Fiber.join(first)).toBe("0 A")
      const next = yield* forkSettled(session.request("b"))
      expect((yield* arrived(peer, 2))[1]).toMatch(/^[01] b$/)
      yield* Fiber.interrupt(next)
    }))

  it.scoped("may answer calls of the peer, and are told without an answer", () =>
    Effect.gen(function*() {
      const { peer, session } = yield* connected(tagged)
      yield* session.tell("hello")
      expect(yield* arrived(peer, 1)).toEqual(["hello"])
      expect(session).toMatchObject(none)
    }))
})

describe("an interruption of a tagged request, at any step", () => {
  it.effect("gives its tag back, or keeps it until the response has come", () =>
    Effect.gen(function*() {
      const report = yield* Interruptions.explore((forkSubject) =>
        Effect.scoped(Effect.gen(function*() {
          const protocol = Protocol.tagged({
            framing: lines,
            encode: (tag: number, request: string) => `${tag} ${request}`,
            tagOf: (line) => Option.some(Number(line.split(" ")[0])),
            tags: Protocol.numbers(1)
          })
          const { peer, session } = yield* connected(protocol)
          yield* fork(Effect.forever(Effect.flatMap(peer.recvUntil("\n"), (line) => peer.send(line))))
          yield* Fiber.await(yield* forkSubject(session.request("mine")))
          for (let i = 0; i < 9; i++) yield* yieldNow
          const both = yield* Effect.exit(Effect.all([session.request("a"), session.request("b")], { concurrency: 2 }))
          return Exit.isSuccess(both) ? [] : [`a tag is lost: ${String(both.cause)}`]
        })).pipe(Effect.orDie)
      )
      expect(report.violations).toEqual([])
      expect(report.steps).toBeGreaterThan(5)
    }))
})

describe("pushes", () => {
  it.scoped("come to every subscriber, from its subscription to the end of the session", () =>
    Effect.gen(function*() {
      const { peer, session } = yield* connected(inOrder)
      yield* peer.send(">0\n")
      yield* settled
      const subscribers = yield* Effect.forEach([1, 2], () => forkSettled(collect(session.pushes)))
      const asking = yield* forkSettled(session.request("a"))
      yield* peer.send(">1\nA\n>2\n")
      expect(yield* Fiber.join(asking)).toBe("A")
      yield* TestClock.adjust(1)
      yield* peer.shutdown
      yield* settled
      for (const subscriber of subscribers) expect([...(yield* Fiber.join(subscriber))]).toEqual(["1", "2"])
    }))
})

describe("a session ends", () => {
  const endings: ReadonlyArray<readonly [string, string, "in order" | "tagged", string]> = [
    ["a response that nobody asked for", "A\nB\nC\n", "in order", "Desync"],
    ["a tag that nobody has", "9 A\n", "tagged", "Desync"],
    ["a second response", "0 A\n0 A\n", "tagged", "Desync"],
    ["a line that does not end", "x".repeat(70_000), "in order", "TooLarge"]
  ]
  it.scoped.each(endings)("with %s", ([, bytes, kind, reason]) =>
    Effect.gen(function*() {
      const { peer, session } = yield* connected(kind === "tagged" ? tagged : inOrder, { maxInFlight: 2 })
      const fibers = yield* Effect.forEach(["a", "b", "c"], (request) => forkSettled(result(session.request(request))))
      yield* peer.send(bytes.slice(0, 60_000))
      yield* peer.send(bytes.slice(60_000))
      yield* settled
      const results = yield* Effect.forEach(fibers, Fiber.join)
      const errors = results.flatMap((result) => result._tag === "Failure" ? [result.failure] : [])
      for (const error of errors) {
        expect(error).toMatchObject({ _tag: "ConnectionError", reason })
        if ("received" in error) expect(error.received!.length).toBeLessThanOrEqual(64)
      }
      expect(errors.at(-1)).toMatchObject({ sent: "No" })
      expect(session).toMatchObject({ inFlight: 0, abandoned: 0, isConnected: false })
      expect(yield* Effect.flip(session.request("later"))).toMatchObject(failure(reason, "No"))
    }))

  it.scoped("when the peer ends: what was sent may have reached it, and nothing else", () =>
    Effect.gen(function*() {
      const { server, session } = yield* connected(inOrder, { maxInFlight: 1 })
      const sent = yield* forkSettled(Effect.flip(session.request("a")))
      const unsent = yield* forkSettled(Effect.flip(session.request("b")))
      yield* server.reset
      yield* settled
      expect(yield* Fiber.join(sent)).toMatchObject(failure("Reset", "Maybe"))
      expect(yield* Fiber.join(unsent)).toMatchObject(failure("Reset", "No"))
      yield* session.closed
    }))

  it.scoped("when no byte has come for stallTimeout while somebody, or a tombstone, waits", () =>
    Effect.gen(function*() {
      const { peer, session } = yield* connected(inOrder, { stallTimeout: "1 second" })
      yield* TestClock.adjust("1 minute")
      expect(session.isConnected).toBe(true)
      const gone = yield* forkSettled(session.request("a"))
      const asking = yield* forkSettled(Effect.flip(session.request("b")))
      yield* TestClock.adjust(900)
      yield* peer.send("A")
      yield* TestClock.adjust(900)
      yield* Fiber.interrupt(gone)
      expect(exitOf(asking)).toBeUndefined()
      yield* TestClock.adjust(99)
      expect(exitOf(asking)).toBeUndefined()
      yield* TestClock.adjust(1)
      expect(yield* Fiber.join(asking)).toMatchObject(failure("Timeout", "Maybe"))
      expect(session.isConnected).toBe(false)
    }))

  it.scoped("with its scope", () =>
    Effect.gen(function*() {
      const { server } = yield* connected(inOrder)
      const scope = yield* Scope.make()
      const connection = yield* server.connect()
      const session = yield* provideScope(Session.make(inOrder, connection), scope)
      const asking = yield* forkSettled(Effect.flip(session.request("a")))
      yield* Scope.close(scope, Exit.void)
      expect(yield* Fiber.join(asking)).toMatchObject(failure("Closed", "Maybe"))
      expect(connection.isConnected).toBe(true)
    }))

  const throwing = {
    decoder: () => ({
      decode: (bytes: { length: number }) => {
        if (bytes.length > 0) throw new Error("thrown")
        return undefined
      }
    }),
    encode: lines.encode
  }
  const broken: ReadonlyArray<readonly [string, Protocol.Protocol<string, unknown, unknown>]> = [
    ["the decoder", Protocol.inOrder({ framing: throwing })],
    [
      "push",
      Protocol.inOrder({
        framing: lines,
        push: () => {
          throw new Error("thrown")
        }
      })
    ]
  ]
  it.scoped.each(broken)(
    "with the defect of %s, which those in flight hear of",
    ([, protocol]) =>
      Effect.gen(function*() {
        const { peer, session } = yield* connected(protocol)
        const asking = yield* forkSettled(defectOf(session.request("a")))
        yield* peer.send("A\n")
        yield* settled
        expect(yield* Fiber.join(asking)).toContain("thrown")
        expect(session.isConnected).toBe(false)
      })
  )
})

describe("a request that cannot be sent", () => {
  it.scoped("fails with FramingError, sends nothing and takes no tag", () =>
    Effect.gen(function*() {
      const { peer, session } = yield* connected(tagged)
      expect(yield* Effect.flip(session.request("a\nb"))).toBeInstanceOf(Framing.FramingError)
      expect(session).toMatchObject(none)
      yield* forkSettled(session.request("c"))
      expect((yield* arrived(peer, 1))[0]).toMatch(/^\d c$/)
    }))

  it.scoped("dies where the protocol's function throws, and costs no session", () =>
    Effect.gen(function*() {
      const { session } = yield* connected(Protocol.inOrder({ framing: lines, replies: () => -1 }))
      expect(yield* defectOf(session.request("a"))).toContain(
        "replies must return a whole number of at least 0"
      )
      expect(session).toMatchObject(none)
    }))
})

describe("options", () => {
  it.effect.each(
    [
      [{ maxInFlight: 0 }, "Session.make: maxInFlight must be a whole number of at least 1, but is 0"],
      [{ maxAbandoned: -1 }, "Session.make: maxAbandoned must be a whole number of at least 0, but is -1"],
      [{ stallTimeout: 0 }, "Session.make: stallTimeout must be"],
      [{ maxInflight: 3 }, "Session.make: maxInflight is not an option: did you mean maxInFlight?"]
    ] as ReadonlyArray<readonly [object, string]>
  )("%j is refused by name, value and rule", ([options, message]) =>
    Effect.gen(function*() {
      expect(yield* defectOf(Effect.scoped(connected(inOrder, options)))).toContain(message)
    }))

  it("of protocols are refused where they are given", () => {
    assert.throws(() => Protocol.inOrder({ framing: 7 as never }), "Protocol.inOrder: framing must be a Framing")
    assert.throws(
      () => Protocol.tagged({ framing: lines, encode: "x" as never, tagOf: () => null as never }),
      "Protocol.tagged: encode must be a function"
    )
  })
})
