import { MsgpackRpc, RpcError } from "@socketpool/msgpack-rpc"
import { layerScoped, onlyLogger, provideScope, tag, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Data, Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { encode, type Peer, serve } from "./fixtures/server.js"

/** A server that answers a call when the client has answered the calls in its params. */
const calling = () => {
  const answers: Array<ReadonlyArray<unknown>> = []
  return {
    answers,
    on: (message: ReadonlyArray<any>, peer: Peer) => {
      if (message[0] === 1) answers.push(message)
      else if (message[2] === "calls") {
        message[3].forEach((method: string, i: number) => peer.send([0, 100 + i, method, [i]]))
        peer.send([1, message[1], null, null])
      }
    }
  }
}

const until = (is: () => boolean) => Effect.repeat(Effect.sleep(1), { until: is })

class Broken extends Data.TaggedError("Broken")<{ readonly message: string }> {}

class Prefix extends tag<Prefix, string>()("Prefix") {}

describe("a handler", () => {
  it.scopedLive("answers calls of the server on the same connection, each in a fiber of its own", () =>
    Effect.gen(function*() {
      const { answers, on } = calling()
      const server = yield* serve(on)
      const rpc = yield* MsgpackRpc.make({ host: "127.0.0.1", port: server.port })
      const second = yield* Deferred.make<void>()
      yield* rpc.handle("waits", () => Effect.as(Deferred.await(second), "first"))
      yield* Effect.provideService(
        rpc.handle(
          "answers",
          (params) =>
            Effect.andThen(Deferred.succeed(second, undefined), Effect.map(Prefix, (prefix) => [prefix, params]))
        ),
        Prefix,
        "hello"
      )
      yield* rpc.call("calls", ["waits", "answers"])
      yield* until(() => answers.length === 2)
      expect(answers.sort((a: any, b: any) => a[1] - b[1])).toEqual([
        [1, 100, null, "first"],
        [1, 101, null, ["hello", [1]]]
      ])
    }))

  const logs: Array<string> = []
  const outcomes: Readonly<
    Record<string, readonly [Effect.Effect<unknown, unknown>, error: unknown, isLogged: boolean]>
  > = {
    "a text": [Effect.fail("no such file"), "no such file", false],
    "a falsy failure": [Effect.fail(false), false, false],
    "a structured failure": [Effect.fail({ code: 7, at: [1, 2] }), { code: 7, at: [1, 2] }, false],
    "an RpcError": [Effect.fail(new RpcError({ method: "x", error: { code: 8 } })), { code: 8 }, false],
    "another Error": [Effect.fail(new Broken({ message: "broken" })), "broken", false],
    "null, which would be a success": [Effect.fail(null), "failed", false],
    "a defect": [Effect.die(new Error("a secret")), "internal error", true],
    "an exception": [Effect.sync(() => JSON.parse("{")), "internal error", true],
    "an interrupt": [Effect.interrupt, "internal error", true],
    "a result that cannot be sent": [Effect.succeed(() => 1), "internal error", true],
    "a failure that cannot be sent": [Effect.fail([Symbol.iterator]), "internal error", true],
    "a result that is too large": [Effect.succeed("x".repeat(20_000)), "internal error", true]
  }
  const logger = onlyLogger(({ cause, level, message }) => {
    if (level !== "DEBUG") logs.push(`${level} ${String(message)} ${String(cause)}`)
  })
  for (const [name, [handler, error, isLogged]] of Object.entries(outcomes)) {
    it.live(`with ${name} answers with ${JSON.stringify(error)}${isLogged ? ", and logs why" : ""}`, () =>
      Effect.scoped(Effect.gen(function*() {
        logs.length = 0
        const { answers, on } = calling()
        const server = yield* serve(on)
        const rpc = yield* MsgpackRpc.make({ host: "127.0.0.1", port: server.port, maxBytes: 10_000 })
        yield* rpc.handle("method", () => handler)
        yield* rpc.call("calls", ["method"])
        yield* until(() => answers.length === 1)
        expect(answers).toEqual([[1, 100, error, null]])
        expect(logs.map((log) => log.slice(0, 20))).toEqual(isLogged ? ["ERROR MsgpackRpc: the h".slice(0, 20)] : [])
        expect(server.accepted()).toBe(1)
      })).pipe(Effect.provide(logger)))
  }

  it.scopedLive("that nobody has registered, or that has gone with its scope, is an error answer", () =>
    Effect.gen(function*() {
      const { answers, on } = calling()
      const server = yield* serve(on)
      const rpc = yield* MsgpackRpc.make({ host: "127.0.0.1", port: server.port })
      const scope = yield* Scope.make()
      yield* provideScope(rpc.handle("gone", () => Effect.void), scope)
      yield* Scope.close(scope, Exit.void)
      yield* rpc.call("calls", ["gone", "never"])
      yield* until(() => answers.length === 2)
      expect(answers).toEqual([
        [1, 100, "unknown method gone", null],
        [1, 101, "unknown method never", null]
      ])
    }))

  it.scopedLive("for a method that has one is a defect", () =>
    Effect.gen(function*() {
      const rpc = yield* MsgpackRpc.make({ host: "127.0.0.1", port: 1 })
      yield* rpc.handle("method", () => Effect.void)
      const cause = yield* Effect.flip(Effect.sandbox(rpc.handle("method", () => Effect.void)))
      expect(Cause.pretty(cause)).toContain("MsgpackRpc.handle: method must be one without a handler")
    }))

  it.scopedLive("hears a call that the server makes as soon as it has accepted the connection", () =>
    Effect.gen(function*() {
      const { answers, on } = calling()
      const server = yield* serve(on, (peer) => peer.send([0, 7, "early", []]))
      const rpc = yield* MsgpackRpc.make({ host: "127.0.0.1", port: server.port, minConnections: 1 })
      yield* rpc.handle("early", () => Effect.succeed("heard"))
      yield* until(() => answers.length === 1)
      expect(answers).toEqual([[1, 7, null, "heard"]])
    }))

  it.scopedLive("is not started for more than maxHandling calls; the connection then closes", () =>
    Effect.gen(function*() {
      let started = 0
      let most = 0
      const server = yield* serve((message, peer) => {
        if (message[2] !== "flood") return
        peer.write(Buffer.concat(Array.from({ length: 1_000 }, (_, i) => encode([0, i, "waits", []]))))
        peer.send([1, message[1], null, null])
      })
      const rpc = yield* MsgpackRpc.make({ host: "127.0.0.1", port: server.port, maxHandling: 10, maxConnections: 1 })
      yield* rpc.handle("waits", () =>
        Effect.sync(() => {
          started++
          most = Math.max(most, started)
        }).pipe(Effect.andThen(Effect.never)))
      // The first connection may still answer before it closes.
      yield* Effect.repeat(rpc.call("flood"), { until: () => server.accepted() === 2 })
      expect(most).toBeLessThanOrEqual(20)
    }))
})

describe("MsgpackRpc.test", () => {
  it.scopedLive("is a client of a server in memory, whose handlers it calls", () =>
    Effect.gen(function*() {
      const rpc = yield* MsgpackRpc.test({
        add: ([a, b]) => Effect.succeed((a as number) + (b as number)),
        fail: () => Effect.fail({ code: 1 })
      })
      expect(yield* rpc.call("add", [1, 2])).toBe(3)
      expect(yield* Effect.flip(rpc.call("fail"))).toMatchObject({ _tag: "RpcError", error: { code: 1 } })
      expect(yield* Effect.flip(rpc.call("other"))).toMatchObject({ error: "unknown method other" })
      yield* rpc.handle("double", ([n]) => Effect.succeed((n as number) * 2))
      expect(yield* rpc.server.call("double", [4])).toBe(8)
      expect(yield* rpc.server.connections).toBe(1)
      const heard = yield* Effect.forkScoped(Stream.runHead(rpc.notifications))
      const told = yield* Effect.forkScoped(Stream.runHead(rpc.server.notifications))
      yield* yieldNow
      yield* rpc.server.notify("changed", ["file"])
      yield* rpc.notify("log", ["text"])
      expect(yield* Fiber.join(heard)).toMatchObject({ value: { method: "changed", params: ["file"] } })
      expect(yield* Fiber.join(told)).toMatchObject({ value: { method: "log", params: ["text"] } })
      expect(yield* rpc.server.reset).toBe(1)
      expect(yield* rpc.call("add", [1, 2])).toBe(3)
    }))

  it.live("provides the service Rpc", () =>
    Effect.gen(function*() {
      const live = layerScoped(MsgpackRpc.Rpc, MsgpackRpc.test({ ping: () => Effect.succeed("pong") }))
      expect(yield* Effect.provide(MsgpackRpc.Rpc.call("ping"), live)).toBe("pong")
    }))
})

describe("maxHandling", () => {
  it.scopedLive("counts the calls that are being handled, not those that have been", () =>
    Effect.gen(function*() {
      const rpc = yield* MsgpackRpc.test({ ping: () => Effect.void }, { maxHandling: 2 })
      yield* rpc.handle("double", ([n]) => Effect.succeed((n as number) * 2))
      yield* rpc.call("ping")
      for (let i = 0; i < 5; i++) expect(yield* rpc.server.call("double", [i])).toBe(2 * i)
    }))
})
