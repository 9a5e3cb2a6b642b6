/**
 * A TCP proxy that does to connections what networks do: delays, splits, cuts, resets, garbage. It stands on loopback
 * between a client and a real server, and the test says when what happens.
 *
 * Its sockets are real, and so is its time: the test's clock does not move it.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { FaultyServer, host } from "./internal/faultyServer.js"
import { check, treatment, whole } from "./internal/treatment.js"

/**
 * What is done to the bytes that go one way, in real time. What is left out is not done.
 *
 * @since 0.1.0
 * @category models
 */
export interface Faults {
  /** Each chunk is passed on so much later; the order is kept. Less than 12 days, as all times here. */
  readonly latency?: Duration.DurationInput

  /** Each chunk is passed on later by a random share of this; the order is kept even so. */
  readonly jitter?: Duration.DurationInput

  /** At most so many bytes per second are passed on. More than 0. */
  readonly bandwidth?: number

  /**
   * Pieces of at most so many bytes are passed on, each written on its own turn of the event loop. A receiver that is
   * slower than the proxy finds several of them at once, as with every TCP stream. At least 1.
   */
  readonly slice?: number

  /** What comes within this time, counted from the first chunk, is passed on in one write. */
  readonly merge?: Duration.DurationInput

  /**
   * Nothing is passed on, not even the end, and reading stops, so that the sender feels it; until something else is
   * set.
   */
  readonly stall?: boolean

  /** The probability, from 0 to 1, that a chunk that comes has one of its bytes changed. */
  readonly corrupt?: number

  /** The probability, from 0 to 1, that a chunk that comes is passed on twice. */
  readonly duplicate?: number

  /**
   * A connection is cut, as `cut` says, once so many bytes more have been passed on in this direction; counted for each
   * connection from when this is set, or from its beginning. With 0 it is cut at once. At least 0.
   */
  readonly cutAfter?: number

  /**
   * How it is cut, on both sides: `"Reset"`, 10 milliseconds after the last byte, because Node.js takes a reset that
   * comes along with bytes for an end; or `"End"`, after which what still comes is lost. A reset can overtake bytes
   * that a slow reader has not read. Default: `"Reset"`.
   */
  readonly cut?: "Reset" | "End"
}

/**
 * Which way bytes go.
 *
 * @since 0.1.0
 * @category models
 */
export type Direction = "toServer" | "toClient" | "both"

/**
 * How the proxy meets those who connect: `"Accept"` connects them to the server; `"Refuse"` does not listen, so that
 * they fail with ECONNREFUSED; `"Reset"` accepts and resets at once; `"Ignore"` accepts, takes what they send, and
 * never answers nor connects to the server.
 *
 * @since 0.1.0
 * @category models
 */
export type Welcome = "Accept" | "Refuse" | "Reset" | "Ignore"

/**
 * A proxy and what a test does with it.
 *
 * @since 0.1.0
 * @category models
 */
export interface FaultProxy {
  /** Where clients connect to: 127.0.0.1. */
  readonly host: string

  /** The port on which clients connect. */
  readonly port: number

  /**
   * What is done from now on to the bytes of present and future connections; replaces what was set before. It is done
   * to bytes that wait in the proxy too, but what has been corrupted or duplicated remains so. Wrong values are a
   * defect (`RangeError`) that names the option, the value and the rule, and change nothing.
   */
  readonly set: (direction: Direction, faults: Faults) => Effect.Effect<void>

  /** No faults any more, and everybody is accepted. What was held back is passed on, in order. */
  readonly heal: Effect.Effect<void>

  /** Resets every present connection, on both sides. Gives how many. */
  readonly reset: Effect.Effect<number>

  /**
   * Ends the stream to every client (a FIN), as a server does that goes away in order. What the server still sends is
   * lost, and so is what waits in the proxy for the client; what the client sends is passed on. Gives how many clients.
   */
  readonly end: Effect.Effect<number>

  /** Sends every client at once something that no server has sent. Gives how many clients. */
  readonly inject: (bytes: Uint8Array | string) => Effect.Effect<number>

  /**
   * How those who connect are met from now on. At first: `"Accept"`. Present connections stay as they are. After
   * `"Refuse"` the proxy listens on the same port again; should another process hold that port for 5 seconds, that is a
   * defect.
   */
  readonly welcome: (how: Welcome) => Effect.Effect<void>

  /** How many clients are connected now. */
  readonly connections: Effect.Effect<number>

  /** How many clients have ever been accepted, with those that were reset at once or ignored. */
  readonly accepted: Effect.Effect<number>
}

/**
 * How to make a proxy.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The server. */
  readonly target: { readonly host: string; readonly port: number }

  /** Determines what is random: each connection has, in each direction, a sequence of its own. Default: 1. */
  readonly seed?: number
}

/**
 * Starts a proxy on a random port of loopback, in real time. When the scope closes, it stops listening and resets every
 * connection; no socket and no timer is left then.
 *
 * A peer's end is passed on after everything that came before it, and a peer's reset at once (one that comes along with
 * bytes looks like an end to Node.js, and is passed on as that). A client whose server
 * cannot be reached is reset. A receiver that reads slowly slows the sender down. Wrong options are a defect
 * (`RangeError`) that names the option, the value and the rule.
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
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ seed = 1, target }: Options): Effect.Effect<FaultProxy, never, Scope.Scope> =>
  Effect.gen(function*() {
    check("target.host", target.host, typeof target.host === "string" && target.host !== "", "a string, not empty")
    whole("target.port", target.port, 1, 65_535)
    whole("seed", seed, Number.MIN_SAFE_INTEGER)
    const untouched = treatment({})
    // Opening and closing the port take their turns, the scope's end too.
    const turns = Effect.unsafeMakeSemaphore(1)
    const inTurn = (change: () => Promise<void>) => Effect.uninterruptible(turns.withPermits(1)(Effect.promise(change)))

    const server = new FaultyServer({ host: target.host, port: target.port }, seed, untouched)
    yield* Effect.acquireRelease(inTurn(() => server.listen()), () => inTurn(() => server.stop()))

    const set = (direction: Direction, faults: Faults) =>
      Effect.sync(() => server.treat(direction === "both" ? ["toServer", "toClient"] : [direction], treatment(faults)))
    const welcome = (how: Welcome) => inTurn(() => server.welcome(how))

    return {
      host,
      port: server.port,
      set,
      heal: Effect.zipRight(set("both", {}), welcome("Accept")),
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
      inject: (bytes) =>
        Effect.sync(() => {
          const present = server.present().filter((pair) => pair.client.writable)
          for (const pair of present) pair.client.write(bytes)
          return present.length
        }),
      welcome,
      connections: Effect.sync(() => server.present().length),
      accepted: Effect.sync(() => server.accepted)
    }
  })
