/**
 * What every `Connection` must do, as checks that run anywhere: for the tests of a transport of one's own.
 *
 * @since 0.1.0
 */
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectionError } from "@socketpool/core/ConnectionError"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/**
 * A connection does not do what it must.
 *
 * @since 0.1.0
 * @category errors
 */
export class ContractBreach extends Data.TaggedError("ContractBreach")<{
  /** What was found, and what should have been. */
  readonly problem: string
}> {
  override get message(): string {
    return this.problem
  }
}

/**
 * One thing that a connection must do.
 *
 * @since 0.1.0
 * @category models
 */
export interface Check<E, R> {
  /** A fact in the present tense, such as a test's title. */
  readonly name: string
  /** Makes a pair and fails if it is not so. In real time, whatever the clock. */
  readonly run: Effect.Effect<void, ContractBreach | ConnectionError | E, R>
}

/**
 * What a transport may be unable to do: to hold its peer back while nobody reads.
 *
 * @since 0.1.0
 * @category models
 */
export type Ability = "BackPressure"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options<E, R> {
  /** Makes two connections that are each other's peer; they close with the scope. One may be another kind of connection. */
  readonly pair: Effect.Effect<readonly [Connection, Connection], E, R | Scope.Scope>

  /** What it is not asked. Default: nothing. */
  readonly lacks?: ReadonlyArray<Ability>
}

/**
 * The checks. Each makes a pair of its own, and looks at both of its ends in turn where they differ in what they do. A
 * check that hangs has found something as well: run them with a limit.
 *
 * @example
 * ```ts
 * import { ConnectionContract, MemoryConnection } from "@socketpool/testing"
 * import { Effect } from "effect"
 *
 * // In vitest: for (const { name, run } of checks) it.effect(name, () => run)
 * const checks = ConnectionContract.checks({ pair: MemoryConnection.pair() })
 *
 * const all = Effect.forEach(checks, ({ name, run }) => Effect.annotateLogs(run, { name }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const checks = <E, R>(options: Options<E, R>): ReadonlyArray<Check<E, Exclude<R, Scope.Scope>>> =>
  all
    .filter(({ needs }) => needs === undefined || options.lacks?.includes(needs) !== true)
    .map(({ body, name }) => ({
      name,
      run: Effect.withClock(
        Effect.scoped(Effect.flatMap(options.pair, ([one, other]) => body(one, other, options.pair))),
        Clock.make()
      ) as Check<E, Exclude<R, Scope.Scope>>["run"]
    }))

// --- The checks -----------------------------------------------------------------------------------------------------

type Ends = Effect.Effect<readonly [Connection, Connection], any, any>

interface Named {
  readonly name: string
  readonly needs?: Ability
  readonly body: (one: Connection, other: Connection, pair: Ends) => Effect.Effect<void, unknown, Scope.Scope>
}

const decoder = new TextDecoder()
const text = (bytes: Uint8Array): string => decoder.decode(bytes)

const show = (value: unknown): string => {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value)
  return shown.length > 100 ? `${shown.slice(0, 100)}… (${shown.length} characters)` : shown
}

const same = <A>(what: string, found: A, should: A): Effect.Effect<void, ContractBreach> =>
  found === should
    ? Effect.void
    : new ContractBreach({ problem: `${what} is ${show(found)} and should be ${show(should)}` })

/** What an operation fails with; a success is a breach. */
const failing = <A>(
  what: string,
  reasons: ReadonlyArray<ConnectionError["reason"]>,
  operation: Effect.Effect<A, ConnectionError>
): Effect.Effect<void, ContractBreach> =>
  Effect.matchEffect(operation, {
    onFailure: ({ reason }) =>
      reasons.includes(reason)
        ? Effect.void
        : new ContractBreach({ problem: `${what} fails with ${reason} and should with ${reasons.join(" or ")}` }),
    onSuccess: (value) =>
      new ContractBreach({ problem: `${what} gives ${show(value)} and should fail with ${reasons.join(" or ")}` })
  })

/** Lets what can happen by itself happen. */
const turns = (count: number): Effect.Effect<void> =>
  Effect.repeatN(Effect.promise(() => new Promise<void>((next) => setImmediate(next))), count)

/** Everything that comes until so many bytes are there. */
const collect = (connection: Connection, bytes: number) => Effect.map(connection.recvExactly(bytes), text)

/** Different at each place, so that what is lost, doubled or out of order shows. */
const pattern = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 7 + (i >> 8) * 31 + (i >> 16)) & 0xff
  return bytes
}

const equal = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, i) => byte === other[i])

const receive = (connection: Connection, length: number): Effect.Effect<Uint8Array, ConnectionError> =>
  Effect.gen(function*() {
    const all = new Uint8Array(length)
    for (let got = 0; got < length;) {
      const chunk = yield* connection.recv(Math.min(65_536, length - got))
      all.set(chunk, got)
      got += chunk.length
    }
    return all
  })

const megabyte = 1_048_576
/** More than systems keep for a connection. */
const flood = 64 * megabyte

const all: ReadonlyArray<Named> = [
  {
    name: "sends text and bytes, in order, both ways",
    body: (one, other) =>
      Effect.gen(function*() {
        for (const [from, to] of [[one, other], [other, one]] as const) {
          yield* from.send("grüße, ")
          yield* from.send(new Uint8Array())
          yield* from.send("")
          yield* from.send(new TextEncoder().encode("world"))
          yield* same("what arrives", yield* collect(to, 14), "grüße, world")
        }
      })
  },
  {
    name: "is not changed by what the sender does with its bytes afterwards",
    body: (one, other) =>
      Effect.gen(function*() {
        const bytes = new TextEncoder().encode("before")
        yield* one.send(bytes)
        yield* same("what arrives", yield* collect(other, 6), "before")
        const chunk = yield* Effect.zipRight(one.send("first"), other.recvExactly(5))
        yield* Effect.zipRight(one.send("other"), other.recvExactly(5))
        yield* same("what was received before", text(chunk), "first")
      })
  },
  {
    name: "gives at most maxBytes at a time, 1,024 unless told",
    body: (one, other) =>
      Effect.gen(function*() {
        yield* one.send(pattern(3000))
        let got = (yield* other.recv(1)).length
        yield* same("the size with maxBytes 1", got, 1)
        while (got < 3000) {
          const { length } = yield* other.recv()
          if (length === 0 || length > 1024) yield* same("the size of a chunk", length, 1024)
          got += length
        }
        yield* same("the number of bytes", got, 3000)
      })
  },
  {
    name: "gives exactly so many bytes, in however many pieces they come",
    body: (one, other) =>
      Effect.gen(function*() {
        const reading = yield* Effect.fork(other.recvExactly(6))
        for (const piece of ["ab", "c", "defgh"]) yield* Effect.zipRight(one.send(piece), turns(2))
        yield* same("what recvExactly gives", text(yield* Fiber.join(reading)), "abcdef")
        yield* same("what is left", text(yield* other.recv()), "gh")
      })
  },
  {
    name: "gives what comes up to a delimiter, in however many pieces it comes",
    body: (one, other) =>
      Effect.gen(function*() {
        const reading = yield* Effect.fork(other.recvUntil("\r\n"))
        for (const piece of ["line", "\r", "\nnext\r\n"]) yield* Effect.zipRight(one.send(piece), turns(2))
        yield* same("the first line", text(yield* Fiber.join(reading)), "line\r\n")
        yield* same("the second line", text(yield* other.recvUntil("\r\n")), "next\r\n")
      })
  },
  {
    name: "fails with TooLarge when there is no delimiter within maxBytes",
    body: (one, other) =>
      Effect.gen(function*() {
        yield* one.send("0123456789\n")
        yield* failing("recvUntil", ["TooLarge"], other.recvUntil("\n", { maxBytes: 5 }))
      })
  },
  {
    name: "loses nothing when a read is interrupted",
    body: (one, other) =>
      Effect.gen(function*() {
        for (const read of [other.recv(), other.recvExactly(5), other.recvUntil("\n")]) {
          const reading = yield* Effect.fork(read)
          yield* turns(2)
          yield* Fiber.interrupt(reading)
        }
        yield* one.send("hello")
        yield* same("what arrives", yield* collect(other, 5), "hello")
      })
  },
  {
    name: "loses nothing when a read takes too long",
    body: (one, other) =>
      Effect.gen(function*() {
        yield* one.send("he")
        yield* failing("recvExactly", ["Timeout"], other.recvExactly(5, { timeout: "20 millis" }))
        yield* one.send("llo")
        yield* same("what arrives", yield* collect(other, 5), "hello")
      })
  },
  {
    name: "serves concurrent readers one after another, each whole",
    body: (one, other) =>
      Effect.gen(function*() {
        const readers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(other.recvExactly(4)))
        yield* turns(2)
        for (const piece of ["on", "e.tw", "o.", "six."]) yield* Effect.zipRight(one.send(piece), turns(1))
        const words = yield* Effect.forEach(readers, (reader) => Effect.map(Fiber.join(reader), text))
        yield* same("what they read", words.join(" "), "one. two. six.")
      })
  },
  {
    name: "keeps apart what concurrent writers send",
    body: (one, other) =>
      Effect.gen(function*() {
        const size = 300_000
        const writers = yield* Effect.forEach(["a", "b", "c"], (letter) => Effect.fork(one.send(letter.repeat(size))))
        const got = text(yield* receive(other, 3 * size))
        yield* Fiber.joinAll(writers)
        yield* same("what arrives", got, ["a", "b", "c"].map((letter) => letter.repeat(size)).join(""))
      })
  },
  {
    name: "carries a megabyte unchanged, both ways at once",
    body: (one, other) =>
      Effect.gen(function*() {
        const sent = pattern(megabyte)
        const [here, there] = yield* Effect.all(
          [receive(one, megabyte), receive(other, megabyte), one.send(sent), other.send(sent)],
          { concurrency: "unbounded" }
        )
        yield* same("what arrives there unchanged", equal(there, sent), true)
        yield* same("what arrives here unchanged", equal(here, sent), true)
      })
  },
  {
    name: "holds a sender back while its peer does not read",
    needs: "BackPressure",
    body: (one, other) =>
      Effect.gen(function*() {
        let sent = 0
        const piece = new Uint8Array(megabyte)
        const sending = yield* Effect.fork(
          Effect.repeatN(Effect.tap(one.send(piece), () => Effect.sync(() => (sent += piece.length))), 63)
        )
        yield* turns(500)
        if (sent >= flood) yield* same("what was accepted while nobody read", `all of ${flood} bytes`, "less")
        for (let got = 0; got < flood;) got += (yield* other.recv(megabyte)).length
        yield* Fiber.join(sending)
      })
  },
  {
    name: "gives what came before the peer's end, and then EndOfStream",
    body: (one, other) =>
      Effect.gen(function*() {
        yield* one.send("the last")
        yield* one.shutdown
        yield* same("what arrives", yield* collect(other, 8), "the last")
        yield* failing("reading on", ["EndOfStream"], other.recv())
        yield* failing("reading once more", ["EndOfStream"], other.recvExactly(1))
        yield* failing("sending after shutdown", ["Closed"], one.send("more"))
      })
  },
  {
    name: "fails with EndOfStream when the peer ends in the middle of what is waited for",
    body: (one, other) =>
      Effect.gen(function*() {
        const reading = yield* Effect.fork(other.recvUntil("\n"))
        yield* one.send("half a li")
        yield* one.shutdown
        yield* failing("recvUntil", ["EndOfStream"], Fiber.join(reading))
      })
  },
  {
    name: "sends what it has accepted before it ends its stream",
    body: (one, other) =>
      Effect.gen(function*() {
        const sent = pattern(300_000)
        const sending = yield* Effect.fork(Effect.zipRight(one.send(sent), one.shutdown))
        yield* same("what arrives unchanged", equal(yield* receive(other, sent.length), sent), true)
        yield* failing("reading on", ["EndOfStream"], other.recv())
        yield* Fiber.join(sending)
      })
  },
  {
    name: "knows when it has closed, and fails with Closed or Released from then on",
    body: (_one, _other, pair) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const [one] = yield* Scope.extend(pair, scope)
        yield* same("isConnected while it is open", one.isConnected, true)
        const reading = yield* Effect.fork(one.recv())
        yield* turns(2)
        // The peer closes as well, and may be first.
        yield* Scope.close(scope, Exit.void)
        yield* one.closed
        yield* same("isConnected when it has closed", one.isConnected, false)
        yield* failing("a read that waits", ["Closed", "Released", "EndOfStream"], Fiber.join(reading))
        yield* failing("a read", ["Closed", "Released"], one.recv())
        yield* failing("a send", ["Closed", "Released"], one.send("x"))
      })
  },
  {
    name: "carries a stream into a sink, and gives it as a stream",
    body: (one, other) =>
      Effect.gen(function*() {
        const reading = yield* Effect.fork(Stream.runCollect(other.stream))
        yield* Stream.run(Stream.make("one ", "two ", "three"), one.sink)
        yield* one.shutdown
        const chunks = Chunk.toReadonlyArray(yield* Fiber.join(reading))
        yield* same("what arrives", chunks.map(text).join(""), "one two three")
      })
  }
]
