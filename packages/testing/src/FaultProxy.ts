/**
 * A TCP proxy that injects network faults: delays, splits, cuts, resets, garbage. It runs on loopback between a client
 * and a real server. The test decides when each fault happens.
 *
 * Its sockets and its time are real: a `TestClock` does not move it.
 *
 * @since 3.0.0
 */
import { argument, type Rows, rules, Table } from "@socketpool/core/Checks"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { lock } from "./internal/effect/fiber.js"
import { FaultyServer, host } from "./internal/faultyServer.js"
import { treatment } from "./internal/treatment.js"

/**
 * The faults for the bytes of one direction, in real time. Every field is optional; without it the bytes pass
 * unchanged.
 *
 * @since 3.0.0
 * @category models
 */
export interface Faults {
  /**
   * Delays each chunk by this time and keeps the order. From 0 to less than 12 days, like all times here. Default: 0.
   * Use it to test timeouts and pipelining.
   */
  readonly latency?: Duration.DurationInput

  /**
   * Delays each chunk by a random share of this time, in addition to `latency`. The order stays, so a long delay also
   * holds back the chunks behind it. Default: 0.
   */
  readonly jitter?: Duration.DurationInput

  /** Limits the bytes passed on per second. More than 0. Default: no limit. */
  readonly bandwidth?: number

  /**
   * Splits the stream into pieces of at most this many bytes, and writes each in its own turn of the event loop. A
   * receiver slower than the proxy finds several pieces at once, as with every TCP stream. At least 1. Default: no
   * splitting. Set it to 1 to test decoders.
   */
  readonly slice?: number

  /**
   * Collects the chunks that arrive within this time of the first one, and passes them on in one write. This delays the
   * first chunk by that time. Default: 0. Use it to test decoders against several frames in one read.
   */
  readonly merge?: Duration.DurationInput

  /**
   * Passes nothing on, not even the end, and stops reading, so that the sender notices. It lasts until other faults are
   * set. Default: `false`. Use it for a peer that hangs.
   */
  readonly stall?: boolean

  /** Changes one byte of an arriving chunk with this probability, from 0 to 1. Default: 0. */
  readonly corrupt?: number

  /** Passes an arriving chunk on twice with this probability, from 0 to 1. Default: 0. */
  readonly duplicate?: number

  /**
   * Cuts each connection, in the manner of `cut`, after this many more bytes in this direction. The count begins when
   * this is set, or with the connection. At least 0; 0 cuts at once. Default: never. Use it to break a connection in
   * the middle of a frame.
   */
  readonly cutAfter?: number

  /**
   * Chooses the cut of `cutAfter`; it happens on both sides.
   *
   * - `"Reset"` waits 10 milliseconds after the last byte, because Node.js takes a reset that arrives along with bytes
   *   for an end. It can overtake bytes that a slow reader has not read.
   * - `"End"` ends both streams in order. Bytes that arrive later are lost.
   *
   * Default: `"Reset"`, the harsher of the two.
   */
  readonly cut?: "Reset" | "End"
}

/**
 * The direction of the bytes: from client to server, from server to client, or both.
 *
 * @since 3.0.0
 * @category models
 */
export type Direction = "toServer" | "toClient" | "both"

/**
 * The proxy's reaction to a new client.
 *
 * - `"Accept"` connects the client to the server.
 * - `"Refuse"` stops listening, so that the client fails with ECONNREFUSED.
 * - `"Reset"` accepts the client and resets it at once.
 * - `"Ignore"` accepts the client and reads its bytes, but never answers and never connects to the server.
 *
 * @since 3.0.0
 * @category models
 */
export type Welcome = "Accept" | "Refuse" | "Reset" | "Ignore"

/**
 * A running proxy and its controls.
 *
 * @since 3.0.0
 * @category models
 */
export interface FaultProxy {
  /** The address for clients: 127.0.0.1. */
  readonly host: string

  /** The port for clients. */
  readonly port: number

  /**
   * Sets the faults of a direction for present and future connections, and replaces the ones set before. They also
   * apply to bytes that wait in the proxy; bytes already corrupted or duplicated stay so. An invalid value is a defect
   * (`RangeError`) that names the option, the value and the rule, and changes nothing.
   */
  readonly set: (direction: Direction, faults: Faults) => Effect.Effect<void>

  /** Removes all faults and accepts every client again. Passes on the bytes held back, in order. */
  readonly heal: Effect.Effect<void>

  /** Resets every present connection, on both sides. Returns the number of connections. */
  readonly reset: Effect.Effect<number>

  /**
   * Ends the stream to every client (a FIN), as a server does that shuts down in order. Returns the number of clients.
   *
   * Bytes that the server sends later are lost, and so are those that wait in the proxy for a client. The bytes of the
   * clients still reach the server.
   */
  readonly end: Effect.Effect<number>

  /** Sends bytes to every client at once, as if from the server. Returns the number of clients. */
  readonly inject: (bytes: Uint8Array | string) => Effect.Effect<number>

  /**
   * Sets the reaction to new clients. At first it is `"Accept"`. Present connections stay as they are.
   *
   * After `"Refuse"` the proxy listens on the same port again. If another process holds that port for 5 seconds, that
   * is a defect.
   */
  readonly welcome: (how: Welcome) => Effect.Effect<void>

  /** The number of clients that are connected now. */
  readonly connections: Effect.Effect<number>

  /** The number of clients accepted so far, including those that were reset at once or ignored. */
  readonly accepted: Effect.Effect<number>
}

/**
 * The options of a proxy.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options {
  /** Sets the server to connect to: host name or address, and port from 1 to 65535. Required. */
  readonly target: { readonly host: string; readonly port: number }

  /**
   * Seeds `jitter`, `corrupt` and `duplicate`. Each direction of each connection draws from a sequence of its own, so
   * that other connections cannot shift it. A whole number. Default: 1, so that a test repeats itself.
   */
  readonly seed?: number
}

/**
 * Starts a proxy on a random port of loopback. It never fails; an invalid option is a defect (`RangeError`) that names
 * the option, the value and the rule.
 *
 * Use it to test clients on real sockets. For tests of your own code on a `TestClock`, use `MemoryServer`.
 *
 * - When the scope closes, the proxy stops listening and resets every connection. It leaves no socket and no timer.
 * - It passes a peer's end on after all earlier bytes, and a peer's reset at once. A reset that arrives along with
 *   bytes looks like an end to Node.js, and is passed on as one.
 * - It resets a client whose server cannot be reached.
 * - A receiver that reads slowly slows the sender down.
 *
 * @example
 * ```ts
 * import { FaultProxy } from "@socketpool/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const proxy = yield* FaultProxy.make({ target: { host: "127.0.0.1", port: 6379 } })
 *   yield* proxy.set("toClient", { latency: "20 millis", slice: 1 })
 *   // … connect to proxy.host and proxy.port, and then:
 *   return yield* proxy.reset
 * }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<FaultProxy, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { seed, target } = proxyOptions.read("FaultProxy", options)
    const untouched = treatment({})
    // Opens and closes of the port run one after another, the one at the scope's end included.
    const alone = lock()
    const inTurn = (change: () => Promise<void>) => Effect.uninterruptible(alone(Effect.promise(change)))

    const server = new FaultyServer(target, seed, untouched)
    yield* Effect.acquireRelease(inTurn(() => server.listen()), () => inTurn(() => server.stop()))

    const set = (direction: Direction, faults: Faults) =>
      Effect.sync(() => {
        const way = argument("FaultProxy.set", "direction", rules.oneOf("toServer", "toClient", "both"), direction)
        server.treat(way === "both" ? ["toServer", "toClient"] : [way], treatment(faults))
      })
    const welcome = (how: Welcome) =>
      Effect.suspend(() => {
        const next = argument("FaultProxy.welcome", "how", rules.oneOf("Accept", "Refuse", "Reset", "Ignore"), how)
        return inTurn(() => server.welcome(next))
      })

    return {
      host,
      port: server.port,
      set,
      heal: Effect.andThen(set("both", {}), welcome("Accept")),
      reset: Effect.sync(() => {
        const present = server.present()
        for (const pair of present) pair.reset()
        return present.length
      }),
      end: Effect.sync(() => {
        const present = server.present().filter((pair) => pair.client.writable)
        for (const pair of present) pair.endClient()
        return present.length
      }),
      inject: (data) =>
        Effect.sync(() => {
          const bytes = argument("FaultProxy.inject", "bytes", rules.data, data)
          const present = server.present().filter((pair) => pair.client.writable)
          for (const pair of present) pair.client.write(bytes)
          return present.length
        }),
      welcome,
      connections: Effect.sync(() => server.present().length),
      accepted: Effect.sync(() => server.accepted)
    }
  })

const proxyOptions = new Table(
  {
    target: rules.struct(new Table({ host: rules.host, port: rules.count(1, 65_535) })),
    seed: rules.orElse(rules.count(Number.MIN_SAFE_INTEGER), 1)
  } satisfies Rows<Options>
)
