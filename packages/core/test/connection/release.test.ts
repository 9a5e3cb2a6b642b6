// N1, N3: which connections of a socket pool return to it, and what is said to those that close.
import type { Connection, TransportPool } from "@socketpool/core"
import { fork, TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { MemoryServer } from "@socketpool/testing"
import { Data, Effect, Fiber } from "effect"
import { settled } from "../setup.js"
import { text } from "./setup.js"

/** Answers each line with itself, after a millisecond. */
const slowEcho = MemoryServer.make((peer) =>
  Effect.forever(Effect.flatMap(peer.recvUntil("\n"), (line) => Effect.andThen(Effect.sleep(1), peer.send(line))))
)

class ErrorReply extends Data.TaggedError("ErrorReply")<{ readonly line: string }> {}

const say = (connection: Connection, line: string) => connection.send(`${line}\n`)
const hear = (connection: Connection) => Effect.map(connection.recvUntil("\n"), (bytes) => text(bytes).trimEnd())
const ask = (connection: Connection, line: string) => Effect.andThen(say(connection, line), hear(connection))

const answered = (connection: Connection) => Effect.asVoid(ask(connection, "asked"))
const failed = <A, E>(lease: Effect.Effect<A, E>) =>
  Effect.andThen(lease, Effect.fail(new ErrorReply({ line: "-ERR" })))

type Lease = (connection: Connection) => Effect.Effect<unknown, unknown>
type Hook = NonNullable<TransportPool.Options<Connection>["onRelease"]>

const leases = {
  "succeeds after an answer": answered,
  "succeeds and has sent nothing": () => Effect.void,
  "succeeds without waiting for its answer": (connection) => say(connection, "asked"),
  "fails with an error reply": (connection) => failed(answered(connection)),
  "fails without waiting for its answer": (connection) => failed(say(connection, "asked")),
  "is interrupted after an answer": (connection) => Effect.andThen(answered(connection), Effect.interrupt),
  "dies after an answer": (connection) => Effect.andThen(answered(connection), Effect.die("a bug")),
  "fails with an error reply, beside a defect": (connection) =>
    Effect.andThen(
      answered(connection),
      Effect.ensuring(Effect.fail(new ErrorReply({ line: "-ERR" })), Effect.die("a bug"))
    )
} satisfies Record<string, Lease>

const hooks: Record<string, Hook | undefined> = {
  "without onRelease": undefined,
  "with \"default\"": () => Effect.succeed("default"),
  "with \"keep\"": () => Effect.succeed("keep"),
  "with \"discard\"": () => Effect.succeed("discard"),
  "with a reset that is answered": (connection) => Effect.orDie(Effect.as(ask(connection, "RSET"), "keep" as const)),
  "with a reset that is answered, then \"default\"": (connection) =>
    Effect.orDie(Effect.as(ask(connection, "RSET"), "default" as const)),
  "with a message that is not answered": (connection) =>
    Effect.orDie(Effect.as(say(connection, "bye"), "default" as const))
}

const onlyReplies = (error: unknown) => error instanceof ErrorReply

type Ends = keyof typeof leases
const all = Object.keys(leases) as ReadonlyArray<Ends>

/** The leases after which the connection returns; all others cost it. */
const returns: ReadonlyArray<readonly [hook: string, isReply: boolean, kept: ReadonlyArray<Ends>]> = [
  ["without onRelease", false, ["succeeds after an answer", "succeeds and has sent nothing"]],
  ["without onRelease", true, [
    "succeeds after an answer",
    "succeeds and has sent nothing",
    "fails with an error reply"
  ]],
  ["with \"default\"", false, ["succeeds after an answer", "succeeds and has sent nothing"]],
  ["with \"default\"", true, [
    "succeeds after an answer",
    "succeeds and has sent nothing",
    "fails with an error reply"
  ]],
  ["with \"keep\"", false, [
    "succeeds after an answer",
    "succeeds and has sent nothing",
    "fails with an error reply"
  ]],
  ["with \"discard\"", true, []],
  // The answer to a lease that did not wait would be taken for that of the reset.
  ["with a reset that is answered", false, [
    "succeeds after an answer",
    "succeeds and has sent nothing",
    "fails with an error reply"
  ]],
  ["with a reset that is answered, then \"default\"", true, [
    "succeeds after an answer",
    "succeeds and has sent nothing",
    "fails with an error reply"
  ]],
  ["with a message that is not answered", true, []]
]

describe("a connection returns to the pool after a lease that", () => {
  const cases = returns.flatMap(([hook, isReply, kept]) =>
    all.map((lease) =>
      [
        `${lease}, ${hook}${isReply ? " and isReply" : ""}: ${kept.includes(lease)}`,
        hook,
        isReply,
        lease,
        kept.includes(lease)
      ] as const
    )
  )
  it.scoped.each(cases)("%s", ([, hook, isReply, lease, isKept]) =>
    Effect.gen(function*() {
      const server = yield* slowEcho
      const onRelease = hooks[hook]
      const pool = yield* server.pool({
        maxConnections: 1,
        ...(isReply ? { isReply: onlyReplies } : {}),
        ...(onRelease === undefined ? {} : { onRelease })
      })
      const first = yield* fork(Effect.exit(pool.use(leases[lease])))
      yield* TestClock.adjust(1)
      yield* Fiber.join(first)
      // In any case the next borrower gets its own answer.
      const next = yield* fork(pool.use((connection) => ask(connection, "mine")))
      for (let i = 0; i < 5; i++) yield* TestClock.adjust(1)
      expect(yield* Fiber.join(next)).toBe("mine")
      expect((yield* pool.stats).opened).toBe(isKept ? 1 : 2)
    }))

  it.scoped("an answer at hand costs no fiber", () =>
    Effect.gen(function*() {
      const server = yield* slowEcho
      const pool = yield* server.pool({ onRelease: () => Effect.succeed("default") })
      yield* pool.use(() => Effect.void)
      // Nothing was forked, so the connection is idle already.
      expect(yield* pool.stats).toMatchObject({ idle: 1, inUse: 0 })
    }))

  it.scoped("200 error replies cost no connection, and none is paced as a server that is down", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(Effect.andThen(peer.recvUntil("\n"), peer.send("-ERR\n")))
      )
      const pool = yield* server.pool({ maxConnections: 4, isReply: onlyReplies })
      const call = Effect.exit(pool.use((connection) => failed(answered(connection))))
      yield* Effect.all(Array.from({ length: 200 }, () => call), { concurrency: 20 })
      expect(yield* pool.stats).toMatchObject({ opened: 4, idle: 4, acquired: 200 })
    }))

  it.scoped("if isReply dies, the connection closes", () =>
    Effect.gen(function*() {
      const server = yield* slowEcho
      const pool = yield* server.pool({
        isReply: () => {
          throw new Error("no idea")
        }
      })
      const lease = yield* fork(Effect.exit(pool.use((connection) => failed(answered(connection)))))
      yield* TestClock.adjust(1)
      yield* Fiber.join(lease)
      yield* settled
      expect(yield* pool.stats).toMatchObject({ idle: 0, inUse: 0, closed: { Invalid: 1 } })
    }))
})

describe("a farewell", () => {
  const said = (options: Partial<TransportPool.Options<Connection>>) =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(Effect.flatMap(peer.recvUntil("\n"), (line) => {
          lines.push(text(line).trimEnd())
          return peer.send(line)
        }))
      )
      const pool = yield* server.pool({
        farewell: (connection) => ask(connection, "QUIT"),
        maxConnections: 1,
        ...options
      })
      return { lines, pool }
    })

  it.scoped.each<[string, Partial<TransportPool.Options<Connection>>]>([
    ["after a lease that was answered", {}],
    ["in a protocol without answers", { onRelease: () => Effect.succeed("keep") }]
  ])("is said, and answered, before the close: %s", ([, options]) =>
    Effect.gen(function*() {
      const { lines, pool } = yield* said(options)
      yield* pool.use((connection) => ask(connection, "one"))
      yield* pool.close
      expect(lines).toEqual(["one", "QUIT"])
    }))

  it.scoped.each<[string, (connection: Connection) => Effect.Effect<unknown, unknown>]>([
    ["an answer may be on its way", (connection) => say(connection, "one")],
    ["it failed", (connection) => failed(ask(connection, "one"))],
    ["it was interrupted", (connection) => Effect.andThen(ask(connection, "one"), Effect.interrupt)]
  ])("is not said after a lease of a cleared pool if %s", ([, lease]) =>
    Effect.gen(function*() {
      const { lines, pool } = yield* said({})
      yield* Effect.exit(pool.use((connection) => Effect.andThen(pool.clear, lease(connection))))
      yield* settled
      expect(lines).toEqual(["one"])
      expect((yield* pool.stats).closed).toMatchObject({ Cleared: 1 })
    }))

  it.scoped("is said after an error reply of a cleared pool, with isReply", () =>
    Effect.gen(function*() {
      const { lines, pool } = yield* said({ isReply: onlyReplies })
      yield* Effect.exit(pool.use((connection) => Effect.andThen(pool.clear, failed(ask(connection, "one")))))
      yield* settled
      expect(lines).toEqual(["one", "QUIT"])
    }))
})
