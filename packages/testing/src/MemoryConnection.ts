/**
 * Two connections that are each other's peer, in memory: for tests of code that takes a `Connection`.
 *
 * @since 0.1.0
 */
import type { Connection } from "@socketpool/core/Connection"
import * as TransportSession from "@socketpool/core/TransportSession"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connected, highWaterMark as usual, type TcpAddress } from "./internal/memoryTransport.js"

/**
 * Of both ends.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** How long one operation that has to wait may take, on the test's clock. Default: none. */
  readonly timeout?: Duration.DurationInput

  /** Whether sending may go on after the peer has ended its stream. Default: `false`. */
  readonly allowHalfOpen?: boolean

  /** How many bytes the peer may leave unread before a `send` waits. At least 1. Default: 16,384. */
  readonly highWaterMark?: number
}

/**
 * Makes both ends of one connection; they close with the scope. What one sends, the other receives, at once and in
 * order; a peer that does not read holds the sender back.
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
 * @since 0.1.0
 * @category constructors
 */
export const pair = (
  options: Options = {}
): Effect.Effect<readonly [Connection, Connection], never, Scope.Scope> =>
  Effect.suspend(() => {
    const { highWaterMark = usual, ...rest } = options
    if (!(Number.isSafeInteger(highWaterMark) && highWaterMark >= 1)) {
      throw new RangeError(
        `MemoryConnection: highWaterMark must be a whole number of at least 1, but is ${String(highWaterMark)}`
      )
    }
    const [near, far] = connected(address("near"), address("far"), highWaterMark)
    return Effect.all([
      TransportSession.connection({ ...rest, transport: near }),
      TransportSession.connection({ ...rest, transport: far })
    ])
  })

const address = (hostname: string): TcpAddress => ({ _tag: "TcpAddress", hostname, port: 1 })
