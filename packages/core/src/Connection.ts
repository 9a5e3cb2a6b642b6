/**
 * A byte stream to a peer: what every socket of this library is.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { ConnectionError } from "./ConnectionError.js"

/**
 * One end of a connection.
 *
 * @since 0.1.0
 * @category models
 */
export type Address =
  | { readonly _tag: "TcpAddress"; readonly hostname: string; readonly port: number }
  | { readonly _tag: "UnixAddress"; readonly path: string }

/**
 * A byte stream to a peer. Reads are pulled: a peer that sends faster than the holder reads is held back. Several
 * readers of one connection are served one after another, each whole; so are several writers.
 *
 * A connection that was leased from a pool can be used until the lease ends; afterwards every operation fails with
 * `ConnectionError` reason `Released`.
 *
 * A read that is interrupted or times out after it began to wait leaves the answer on its way. Such a connection
 * works on, but the pool does not lend it again.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connection {
  /**
   * Sends the data whole. Completes when the connection has accepted it without exceeding its write buffer, which is
   * not yet when the peer has it. A string is sent as UTF-8.
   */
  send(data: Uint8Array | string): Effect.Effect<void, ConnectionError>

  /**
   * Reads what has come, at least 1 byte and at most `maxBytes` (1024 by default), and waits if nothing has. Fails
   * with reason `EndOfStream` at the end of the stream.
   */
  recv(maxBytes?: number): Effect.Effect<Uint8Array, ConnectionError>

  /** Reads exactly `bytes` bytes, and waits until they have come. */
  recvExactly(bytes: number): Effect.Effect<Uint8Array, ConnectionError>

  /**
   * Reads up to and including the delimiter. Fails with reason `TooLarge` when it has not come within `maxBytes`
   * bytes (65,536 by default), delimiter included.
   */
  recvUntil(
    delimiter: Uint8Array | string,
    options?: { readonly maxBytes?: number }
  ): Effect.Effect<Uint8Array, ConnectionError>

  /** Completes when the connection has closed, from whichever side. */
  readonly closed: Effect.Effect<void>

  /** Whether, as far as is known here, the peer is still there. */
  readonly isConnected: boolean

  readonly localAddress: Address
  readonly remoteAddress: Address
}
