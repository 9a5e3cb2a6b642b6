/**
 * A byte stream to a peer: what every socket of this library is.
 *
 * @since 0.1.0
 */
import type * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { ConnectionError } from "./ConnectionError.js"
import type { Decoder } from "./Decoder.js"

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
 * What one operation does differently from the connection's other ones.
 *
 * @since 0.1.0
 * @category models
 */
export interface OperationOptions {
  /**
   * How long this operation may take as a whole, if it has to wait. Then it fails with `ConnectionError` reason
   * `Timeout`. More than 0; `Duration.infinity` for none. Default: the connection's own `timeout`.
   */
  readonly timeout?: Duration.DurationInput
}

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
   * not yet when the peer has it. A string is sent as UTF-8. The bytes must not be changed afterwards.
   */
  send(data: Uint8Array | string, options?: OperationOptions): Effect.Effect<void, ConnectionError>

  /**
   * Reads what has come, at least 1 byte and at most `maxBytes` (1024 by default), and waits if nothing has. Fails
   * with reason `EndOfStream` at the end of the stream.
   */
  recv(maxBytes?: number, options?: OperationOptions): Effect.Effect<Uint8Array, ConnectionError>

  /** Reads exactly `bytes` bytes, and waits until they have come. */
  recvExactly(bytes: number, options?: OperationOptions): Effect.Effect<Uint8Array, ConnectionError>

  /**
   * Reads up to and including the delimiter. Fails with reason `TooLarge` when it has not come within `maxBytes`
   * bytes (65,536 by default), delimiter included.
   */
  recvUntil(
    delimiter: Uint8Array | string,
    options?: OperationOptions & { readonly maxBytes?: number }
  ): Effect.Effect<Uint8Array, ConnectionError>

  /**
   * Reads one frame with a decoder of its own, such as a `Framing` has. Fails with reason `TooLarge` if the decoder says
   * so. A decoder that throws is a defect of the reader's, and the connection is not lent again.
   */
  recvFrame<A>(decoder: () => Decoder<A>, options?: OperationOptions): Effect.Effect<A, ConnectionError>

  /** Everything that comes, until the peer ends the stream; each read waits for as long as the connection's `timeout`. */
  readonly stream: Stream.Stream<Uint8Array, ConnectionError>

  /** Sends everything it is given, piece by piece. Its end leaves the connection open: see `shutdown`. */
  readonly sink: Sink.Sink<void, Uint8Array | string, never, ConnectionError>

  /**
   * Both at once, for `Stream.pipeThroughChannelOrFail`: sends its input and gives what comes, until the peer ends the
   * stream. The end of its input leaves the connection open; an error of its input ends it.
   */
  channel<IE = never>(): Channel.Channel<
    Chunk.Chunk<Uint8Array>,
    Chunk.Chunk<Uint8Array | string>,
    ConnectionError | IE,
    IE,
    void,
    unknown
  >

  /**
   * Says to the peer that nothing more will be sent, after what was; reading goes on. Later sends fail with reason
   * `Closed`. The connection does not go back to a pool.
   */
  readonly shutdown: Effect.Effect<void, ConnectionError>

  /** Completes when the connection has closed, from whichever side. */
  readonly closed: Effect.Effect<void>

  /** Whether, as far as is known here, the peer is still there. */
  readonly isConnected: boolean

  readonly localAddress: Address
  readonly remoteAddress: Address
}
