// H6: foreign values within errors
import { ConnectError, ConnectionError, Pool, PoolClosedError, PoolExhaustedError, PoolSchemas } from "@socketpool/core"
import { type Codec, onlyLogger, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Cause, Data, Effect, Fiber, Option, Redacted, Schema, Stream } from "effect"
import * as util from "node:util"
import { audited, forkSettled, setup } from "./setup.js"

class AuthFailed extends Data.TaggedError("AuthFailed")<{ readonly user: string }> {}
class Denied extends Error {}

const throws = () => {
  throw new Error("thrown by the value itself")
}
const hostile = new Proxy({}, { get: throws, has: throws, ownKeys: throws, getPrototypeOf: throws })
const revoked = Proxy.revocable({}, {})
revoked.revoke()
const getters = Object.defineProperties({}, {
  message: { get: throws, enumerable: true },
  name: { get: throws, enumerable: true },
  _tag: { value: "Denied", enumerable: true }
})
const circular: Record<string, any> = Object.assign(new Error("why"), { secret: "hunter2" })
circular["socket"] = { owner: circular }
const nested = Array.from({ length: 100_000 }).reduce<Error>(
  (cause, _, i) => new Error(`level ${i}`, { cause }),
  circular as Error
)
const self = new Error("why")
self.cause = self
const broken = Object.assign(new Error("why"), { toString: throws, toJSON: throws, [util.inspect.custom]: throws })

/** Values to fail with, and the words that say what each was. */
const values: ReadonlyArray<readonly [name: string, value: unknown, said: ReadonlyArray<string>]> = [
  ["an Error", new Error("why"), ["Error: why"]],
  ["a tagged error without a message", new AuthFailed({ user: "u" }), ["AuthFailed"]],
  ["a subclass of Error without a name", new Denied("why"), ["Denied: why"]],
  ["a plain object with a tag", { _tag: "Denied", secret: "hunter2" }, ["Denied"]],
  [
    "an instance of a class",
    new (class Denied {
      constructor(readonly secret: string) {}
    })("hunter2"),
    ["Denied"]
  ],
  ["an object without a prototype", Object.create(null), ["an object"]],
  ["an empty object", {}, ["an object"]],
  ["an array", ["hunter2"], ["Array"]],
  ["an AggregateError", new AggregateError([new Error("why"), new AuthFailed({ user: "u" })]), [
    "Error: why; AuthFailed"
  ]],
  ["an AggregateError of many", new AggregateError(Array.from({ length: 9 }, () => 1), "all"), [
    "all [1; 1; 1; and 6 more]"
  ]],
  ["an Error with a cause", new Error("no login", { cause: new AuthFailed({ user: "u" }) }), [
    "no login (cause: AuthFailed)"
  ]],
  ["an Error that is its own cause", self, ["why"]],
  ["a circular Error", circular, ["Error: why"]],
  ["a chain of 100,000 causes", nested, ["level 99999", "level 99998"]],
  ["an Error whose methods throw", broken, ["why"]],
  ["an object whose getters throw", getters, ["Denied"]],
  ["a proxy that throws", hostile, ["an object"]],
  ["a revoked proxy", revoked.proxy, ["an object"]],
  ["a Cause", Cause.die(new AuthFailed({ user: "u" })), ["AuthFailed"]],
  ["a secret", Redacted.make("hunter2"), ["<redacted>"]],
  ["an Error with a secret", { _tag: "Denied", message: Redacted.make("hunter2") }, ["Denied"]],
  ["undefined", undefined, ["undefined"]],
  ["null", null, ["null"]],
  ["a text", "why", ["why"]],
  ["an empty text", "", ["\"\""]],
  ["a number", 7, ["7"]],
  ["NaN", NaN, ["NaN"]],
  ["a bigint", 10n, ["10"]],
  ["a huge bigint", 10n ** 10_000n, ["a large bigint"]],
  ["an Error with a bigint", Object.assign(new Error("why"), { n: 10n }), ["why"]],
  ["a symbol", Symbol("why"), ["Symbol(why)"]],
  ["a function", function why() {}, ["a function why"]],
  ["a huge text", "x".repeat(50_000_000), ["xxx…"]],
  ["an Error with a huge message", new Error("y".repeat(50_000_000)), ["Error: yyy"]],
  ["lines", "one\r\ntwo\u2028three", ["one\\r\\ntwo\\u2028three"]],
  ["control sequences", new Error("\x1b]0;title\x07\x9b2J\u202eabc\ud800"), [
    "\\u001b]0;title\\u0007\\u009b2J\\u202eabc\\ud800"
  ]],
  ["a URL with a password", new Error("no redis://admin:hunter2@db:6379/0 here"), ["no redis://***@db:6379/0 here"]],
  ["a URL with an odd password", "amqp://u:hunter2/@?#@mq/ and http://host:80/?mail=a@b", [
    "amqp://***@mq/ and http://host:80/?mail=a@b"
  ]],
  ["a URL that is cut within its password", `${"z".repeat(9_000)} redis://u:${"hunter2".repeat(1_000)}@db`, ["zzz…"]]
]

/** Not `Effect.fail`, which looks at the value itself. */
const fails = (value: unknown) => Effect.failCause(Cause.fail(value))

const bad = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

const isFit = (text: string, said: ReadonlyArray<string>) => {
  for (const words of said) assert.include(text, words)
  assert.notInclude(text, "hunter2")
  assert.isBelow(text.length, 1_500)
}

const throughWire = <A, I>(schema: Codec<A, I>, error: A) => {
  const encoded = Schema.encodeSync(schema)(error)
  const decoded = Schema.decodeUnknownSync(schema)(JSON.parse(JSON.stringify(encoded)))
  return { encoded, decoded }
}

const shows = <A extends Error, I>(schema: Codec<A, I>, error: A, said: ReadonlyArray<string>) => {
  isFit(error.message, said)
  assert.notMatch(error.message, bad)
  assert.strictEqual(String(error), `${error.name}: ${error.message}`)
  isFit(util.inspect(error, { depth: 1 }).split("\n    at ")[0]!, said)
  assert.notInclude(util.inspect(error), "hunter2")
  const { decoded, encoded } = throughWire(schema, error)
  assert.deepStrictEqual(JSON.parse(JSON.stringify(error)), JSON.parse(JSON.stringify(encoded)))
  isFit(JSON.stringify(encoded), [])
  assert.strictEqual(decoded.message, error.message)
  assert.deepStrictEqual(Schema.encodeSync(schema)(decoded), encoded)
}

describe("an error says what the user's code failed with, and can be shown in every way", () => {
  it.scoped.each(values)("PoolExhaustedError: %s", ([_, value, said]) =>
    Effect.gen(function*() {
      const pool = yield* audited(ScriptedConnector.make(), Pool.make({ open: fails(value), maxConnections: 1 }))
      const failure = yield* Effect.flip(pool.acquire)
      assert.isTrue(Object.is(failure, value))
      const error = yield* Effect.flip(pool.acquireWith({ timeout: 0 }))
      assert.instanceOf(error, PoolExhaustedError)
      const { stats, ...rest } = error
      assert.isTrue(Object.is(rest.lastConnectError, value))
      shows(PoolSchemas.PoolExhaustedError, new PoolExhaustedError({ ...rest, stats: { ...stats, pending: 0 } }), said)
    }))

  it.each(values)("ConnectError: %s", (_, value, said) => {
    shows(
      PoolSchemas.ConnectError,
      new ConnectError({ reason: "Other", address: "db:1", attempts: [], cause: value }),
      said
    )
  })

  it.scoped.each(values)("an event and a line of the log: %s", ([_, value, said]) =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const log = onlyLogger(({ level, text }) => void (level === "DEBUG" || lines.push(text())))
      const event = yield* Effect.scoped(Effect.gen(function*() {
        const failing = Effect.delay(fails(value), "1 second")
        const pool = yield* Pool.make({ open: failing, minConnections: 1 })
        const failed = yield* forkSettled(
          Stream.runHead(Stream.filter(pool.events, (event) => event._tag === "OpenFailed"))
        )
        yield* TestClock.adjust("1 second")
        return Option.getOrThrow(yield* Fiber.join(failed))
      })).pipe(Effect.provide(log))
      isFit(event.error, said)
      assert.notMatch(event.error, bad)
      assert.lengthOf(lines, 1)
      isFit(lines[0]!.split("\n    at ")[0]!, said)
    }))
})

describe("names are quoted where they enter a line", () => {
  const name = "a\n\"b\x1b[2J\u202e redis://u:hunter2@db"
  const quoted = "\"a\\n\\\"b\\u001b[2J\\u202e redis://***@db\""

  it("of pools, in messages", () => {
    assert.include(new PoolClosedError({ pool: name }).message, `Pool ${quoted} is closed`)
  })

  it("of hosts, codes and attempts, in messages", () => {
    const address = "localhost\r\nX: y:1"
    const code = "E\n"
    const errors = [
      new ConnectError({ reason: "Refused", address, code, attempts: [{ address, code }] }),
      new ConnectionError({ reason: "Reset", operation: "read", address, code })
    ]
    for (const { message } of errors) {
      assert.notMatch(message, bad)
      assert.include(message, "localhost\\r\\nX: y:1")
    }
  })

  it.scoped("of spans, in the log", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const log = onlyLogger(({ level, text }) => void (level === "DEBUG" || lines.push(text())))
      yield* Effect.scoped(Effect.gen(function*() {
        const { pool } = yield* setup({ leakThreshold: "1 second", maxConnections: 1 })
        const holder = yield* forkSettled(Effect.withSpan(pool.use(() => Effect.never), name))
        yield* TestClock.adjust("1 second")
        const { message } = yield* Effect.flip(pool.acquireWith({ timeout: 0 }))
        assert.include(message, `in span ${quoted} for`)
        yield* Fiber.interrupt(holder)
      })).pipe(Effect.provide(log))
      assert.lengthOf(lines, 2)
      for (const text of lines) {
        assert.notMatch(text, bad)
        assert.notInclude(text, "hunter2")
      }
    }))
})
