/**
 * The rules that every `Connection` must follow, as checks that run in any test framework. Use them to test a transport
 * of your own.
 *
 * @since 3.0.0
 */
import { type Rows, rules, Table } from "@socketpool/core/Checks"
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectionError } from "@socketpool/core/ConnectionError"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { fork, liveClock, repeat, withClock } from "./internal/effect/fiber.js"

/**
 * The failure of a check: the connection breaks a rule of the contract.
 *
 * @since 3.0.0
 * @category errors
 */
export class ContractBreach extends Data.TaggedError("ContractBreach")<{
  /** The observed behaviour and the expected one. */
  readonly problem: string
}> {
  override get message(): string {
    return this.problem
  }
}

/**
 * One rule of the contract.
 *
 * @since 3.0.0
 * @category models
 */
export interface Check<E, R> {
  /** The rule as a fact in the present tense; use it as the title of a test. */
  readonly name: string
  /**
   * Makes a pair and fails with `ContractBreach` if it breaks the rule. Runs in real time, even under a `TestClock`.
   * Has no limit of its own: add one, because a connection can also break a rule by hanging.
   */
  readonly run: Effect.Effect<void, ContractBreach | ConnectionError | E, R>
}

/**
 * An ability that a transport may lack. `"BackPressure"` holds the peer back while nobody reads.
 *
 * @since 3.0.0
 * @category models
 */
export type Ability = "BackPressure"

/**
 * The options of the contract.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options<E, R> {
  /**
   * Makes two connections that are each other's peer and close with the scope. Required. Every check runs it once. The
   * two may be of different kinds: the checks look at both ends where their behaviour could differ.
   */
  readonly pair: Effect.Effect<readonly [Connection, Connection], E, R | Scope.Scope>

  /**
   * Skips the checks that need these abilities. Default: none. Set it for a transport that cannot hold its peer back,
   * such as a WebSocket.
   */
  readonly lacks?: ReadonlyArray<Ability>
}

/**
 * Returns the checks, seventeen of them. Each makes a pair of its own and fails with `ContractBreach` if a rule is
 * broken.
 *
 * Use it in the tests of your own `Transport`, one test for each check. Run each with a time limit: a check that hangs
 * has found a defect, too.
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
 * @since 3.0.0
 * @category constructors
 */
export const checks = <E, R>(options: Options<E, R>): ReadonlyArray<Check<E, Exclude<R, Scope.Scope>>> => {
  const { lacks, pair } = contractOptions.read("ConnectionContract", options)
  return all
    .filter(({ needs }) => needs === undefined || !lacks.includes(needs))
    .map(({ body, name }) => ({
      name,
      run: withClock(
        Effect.scoped(Effect.flatMap(pair as Ends, ([one, other]) => body(one, other, pair))),
        liveClock()
      ) as Check<E, Exclude<R, Scope.Scope>>["run"]
    }))
}

const contractOptions = new Table(
  {
    pair: rules.effect,
    lacks: rules.orElse(rules.list(rules.oneOf("BackPressure"), "an array of abilities"), [])
  } satisfies Rows<Options<any, any>>
)

// --- The checks -----------------------------------------------------------------------------------------------------

type Ends = Effect.Effect<readonly [Connection, Connection], any, any>

interface Named {
  readonly name: string
  readonly needs?: Ability
  readonly body: (one: Connection, other: Connection, pair: Ends) => Effect.Effect<void, unknown, Scope.Scope>
}

const decoder = new TextDecoder()
const text = (bytes: Uint8Array): string => decoder.decode(bytes)

/** The connection under test may return anything. */
const textOf = (value: unknown): string => {
  try {
    return String(value)
  } catch {
    return "an object without a text"
  }
}

const show = (value: unknown): string => {
  const shown = typeof value === "string" ? JSON.stringify(value) : textOf(value)
  return shown.length > 100 ? `${shown.slice(0, 100)}… (${shown.length} characters)` : shown
}

const same = <A>(what: string, found: A, should: A): Effect.Effect<void, ContractBreach> =>
  found === should
    ? Effect.void
    : new ContractBreach({ problem: `${what} is ${show(found)}, but should be ${show(should)}` })

/** Expects an operation to fail with one of these reasons. */
const failing = <A>(
  what: string,
  reasons: ReadonlyArray<ConnectionError["reason"]>,
  operation: Effect.Effect<A, ConnectionError>
): Effect.Effect<void, ContractBreach> =>
  Effect.matchEffect(operation, {
    onFailure: ({ reason }) =>
      reasons.includes(reason)
        ? Effect.void
        : new ContractBreach({
          problem: `${what} fails with ${reason}, but should fail with ${reasons.join(" or ")}`
        }),
    onSuccess: (value) =>
      new ContractBreach({ problem: `${what} returns ${show(value)}, but should fail with ${reasons.join(" or ")}` })
  })

/** Waits for turns of the event loop, so that everything in flight can settle. */
const turns = (count: number): Effect.Effect<void> =>
  repeat(Effect.promise(() => new Promise<void>((next) => setImmediate(next))), count)

/** Reads this many bytes as text. */
const collect = (connection: Connection, bytes: number) => Effect.map(connection.recvExactly(bytes), text)

/** Bytes that differ from place to place, so that lost, doubled or misplaced bytes show. */
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
/** More bytes than systems buffer for a connection. */
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
          yield* same("the received text", yield* collect(to, 14), "grüße, world")
        }
      })
  },
  {
    name: "never overwrites bytes that a reader has received",
    body: (one, other) =>
      Effect.gen(function*() {
        const bytes = new TextEncoder().encode("before")
        yield* one.send(bytes)
        yield* same("the received text", yield* collect(other, 6), "before")
        const chunk = yield* Effect.andThen(one.send("first"), other.recvExactly(5))
        yield* Effect.andThen(one.send("other"), other.recvExactly(5))
        yield* same("the chunk received before", text(chunk), "first")
      })
  },
  {
    name: "returns at most maxBytes at a time, 1,024 by default",
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
    name: "returns exactly the requested bytes, however they were split",
    body: (one, other) =>
      Effect.gen(function*() {
        const reading = yield* fork(other.recvExactly(6))
        for (const piece of ["ab", "c", "defgh"]) yield* Effect.andThen(one.send(piece), turns(2))
        yield* same("the result of recvExactly", text(yield* Fiber.join(reading)), "abcdef")
        yield* same("the rest", text(yield* other.recv()), "gh")
      })
  },
  {
    name: "reads up to a delimiter, however the bytes were split",
    body: (one, other) =>
      Effect.gen(function*() {
        const reading = yield* fork(other.recvUntil("\r\n"))
        for (const piece of ["line", "\r", "\nnext\r\n"]) yield* Effect.andThen(one.send(piece), turns(2))
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
          const reading = yield* fork(read)
          yield* turns(2)
          yield* Fiber.interrupt(reading)
        }
        yield* one.send("hello")
        yield* same("the received text", yield* collect(other, 5), "hello")
      })
  },
  {
    name: "loses nothing when a read times out",
    body: (one, other) =>
      Effect.gen(function*() {
        yield* one.send("he")
        yield* failing("recvExactly", ["Timeout"], other.recvExactly(5, { timeout: "20 millis" }))
        yield* one.send("llo")
        yield* same("the received text", yield* collect(other, 5), "hello")
      })
  },
  {
    name: "serves concurrent readers one after another, each whole",
    body: (one, other) =>
      Effect.gen(function*() {
        const readers = yield* Effect.forEach([1, 2, 3], () => fork(other.recvExactly(4)))
        yield* turns(2)
        for (const piece of ["on", "e.tw", "o.", "six."]) yield* Effect.andThen(one.send(piece), turns(1))
        const words = yield* Effect.forEach(readers, (reader) => Effect.map(Fiber.join(reader), text))
        yield* same("the text of the three readers", words.join(" "), "one. two. six.")
      })
  },
  {
    name: "keeps the data of concurrent writers apart",
    body: (one, other) =>
      Effect.gen(function*() {
        const size = 300_000
        const writers = yield* Effect.forEach(["a", "b", "c"], (letter) => fork(one.send(letter.repeat(size))))
        const got = text(yield* receive(other, 3 * size))
        yield* Fiber.joinAll(writers)
        yield* same("the received text", got, ["a", "b", "c"].map((letter) => letter.repeat(size)).join(""))
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
        yield* same("received === sent at the other end", equal(there, sent), true)
        yield* same("received === sent at this end", equal(here, sent), true)
      })
  },
  {
    name: "holds a sender back while its peer does not read",
    needs: "BackPressure",
    body: (one, other) =>
      Effect.gen(function*() {
        let sent = 0
        const piece = new Uint8Array(megabyte)
        const sending = yield* fork(
          repeat(Effect.tap(one.send(piece), () => Effect.sync(() => (sent += piece.length))), 63)
        )
        yield* turns(500)
        if (sent >= flood) yield* same("the data accepted while nobody reads", `all of ${flood} bytes`, "less")
        for (let got = 0; got < flood;) got += (yield* other.recv(megabyte)).length
        yield* Fiber.join(sending)
      })
  },
  {
    name: "returns everything sent before the peer's end, then fails with EndOfStream",
    body: (one, other) =>
      Effect.gen(function*() {
        yield* one.send("the last")
        yield* one.shutdown
        yield* same("the received text", yield* collect(other, 8), "the last")
        yield* failing("reading on", ["EndOfStream"], other.recv())
        yield* failing("reading once more", ["EndOfStream"], other.recvExactly(1))
        yield* failing("sending after shutdown", ["Closed"], one.send("more"))
      })
  },
  {
    name: "fails with EndOfStream when the peer ends in the middle of a line",
    body: (one, other) =>
      Effect.gen(function*() {
        const reading = yield* fork(other.recvUntil("\n"))
        yield* one.send("half a li")
        yield* one.shutdown
        yield* failing("recvUntil", ["EndOfStream"], Fiber.join(reading))
      })
  },
  {
    name: "sends all accepted data before it ends its stream",
    body: (one, other) =>
      Effect.gen(function*() {
        const sent = pattern(300_000)
        const sending = yield* fork(Effect.andThen(one.send(sent), one.shutdown))
        yield* same("received === sent", equal(yield* receive(other, sent.length), sent), true)
        yield* failing("reading on", ["EndOfStream"], other.recv())
        yield* Fiber.join(sending)
      })
  },
  {
    name: "reports its close, then fails with Closed or Released",
    body: (_one, _other, pair) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const [one] = yield* Effect.provideService(pair, Scope.Scope, scope)
        yield* same("isConnected while it is open", one.isConnected, true)
        const reading = yield* fork(one.recv())
        yield* turns(2)
        // The peer closes as well, perhaps first.
        yield* Scope.close(scope, Exit.void)
        yield* one.closed
        yield* same("isConnected when it has closed", one.isConnected, false)
        yield* failing("a read that waits", ["Closed", "Released", "EndOfStream"], Fiber.join(reading))
        yield* failing("a read", ["Closed", "Released"], one.recv())
        yield* failing("a send", ["Closed", "Released"], one.send("x"))
      })
  },
  {
    name: "sends a stream through its sink and receives it as a stream",
    body: (one, other) =>
      Effect.gen(function*() {
        const chunks: Array<Uint8Array> = []
        const read = Stream.runForEach(other.stream, (chunk) => Effect.sync(() => void chunks.push(chunk)))
        const reading = yield* fork(read)
        yield* Stream.run(Stream.make("one ", "two ", "three"), one.sink)
        yield* one.shutdown
        yield* Fiber.join(reading)
        yield* same("the received text", chunks.map(text).join(""), "one two three")
      })
  }
]
