/**
 * Pairs of connections in memory that are each other's peer. Use them to test code that takes a `Connection`.
 *
 * @since 3.0.0
 */
import { type Rows, rules, Table } from "@socketpool/core/Checks"
import type { Connection } from "@socketpool/core/Connection"
import * as TransportSession from "@socketpool/core/TransportSession"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connected, highWaterMark as usual, type TcpAddress } from "./internal/memoryTransport.js"

/**
 * The options of both ends.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options {
  /**
   * Limits each `send` and each read that has to wait, on the test's clock. A longer one fails with `ConnectionError`
   * reason `Timeout`. Must be more than 0. Default: none, as for sockets.
   */
  readonly timeout?: Duration.DurationInput

  /** Lets an end keep sending after its peer has ended its stream. Default: `false`, as for sockets. */
  readonly allowHalfOpen?: boolean

  /**
   * Sets how many bytes the peer may leave unread before a `send` waits. At least 1; less is a defect (`RangeError`).
   * Default: 16,384, as a socket in Node 20. Set it to 1 to make every `send` wait for its reader.
   */
  readonly highWaterMark?: number
}

/**
 * Makes both ends of one connection. They close with the scope. The bytes that one end sends reach the other at once
 * and in order. A peer that does not read holds the sender back. It never fails.
 *
 * Use it to test a protocol without a pool. For a server that accepts connections, use `MemoryServer`.
 *
 * @example
 * ```ts
 * import { MemoryConnection } from "@socketpool/testing"
 * import { Effect } from "effect"
 *
 * const test = Effect.scoped(Effect.gen(function*() {
 *   const [client, server] = yield* MemoryConnection.pair()
 *   yield* client.send("hello\n")
 *   return yield* server.recvUntil("\n")
 * }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const pair = (
  options: Options = {}
): Effect.Effect<readonly [Connection, Connection], never, Scope.Scope> =>
  Effect.suspend(() => {
    const { highWaterMark, ...rest } = pairOptions.read("MemoryConnection", options)
    const [near, far] = connected(address("near"), address("far"), highWaterMark)
    return Effect.all([
      TransportSession.connection({ ...rest, transport: near }),
      TransportSession.connection({ ...rest, transport: far })
    ])
  })

const address = (hostname: string): TcpAddress => ({ _tag: "TcpAddress", hostname, port: 1 })

const pairOptions = new Table(
  {
    timeout: rules.orElse(rules.duration("more than 0"), Infinity),
    allowHalfOpen: rules.orElse(rules.flag, false),
    highWaterMark: rules.orElse(rules.count(1), usual)
  } satisfies Rows<Options>
)
