/**
 * Connections: byte streams to a peer. Every socket of this library is one.
 *
 * @since 3.0.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { ConnectionError } from "./ConnectionError.js"
import type { Decoder } from "./Decoder.js"
import type { Duplex } from "./Interop.js"

/**
 * One end of a TCP connection. It has the shape of `TcpAddress` of `@effect/platform`.
 *
 * @since 3.0.0
 * @category models
 */
export interface TcpAddress {
  readonly _tag: "TcpAddress"
  readonly hostname: string
  readonly port: number
}

/**
 * One end of a connection over a Unix domain socket. It has the shape of `UnixAddress` of `@effect/platform`.
 *
 * @since 3.0.0
 * @category models
 */
export interface UnixAddress {
  readonly _tag: "UnixAddress"
  readonly path: string
}

/**
 * One end of a connection.
 *
 * @since 3.0.0
 * @category models
 */
export type Address = TcpAddress | UnixAddress

/**
 * The options of one operation, which override those of its connection.
 *
 * @since 3.0.0
 * @category models
 */
export interface OperationOptions {
  /**
   * Limits this operation as a whole, if it has to wait. Then it fails with `ConnectionError` reason `Timeout`. More
   * than 0; `Duration.infinity` for none. Default: the connection's own `timeout`.
   *
   * Set it for one request that is known to take longer, or must fail sooner, than the others.
   */
  readonly timeout?: Duration.DurationInput
}

/**
 * A byte stream to a peer. Reads are pulled: a peer that sends faster than the holder reads is held back. Several
 * readers of one connection are served one after another, each with a whole read. So are several writers.
 *
 * A connection leased from a pool works until the lease ends. Afterwards every operation fails with `ConnectionError`
 * reason `Released`.
 *
 * A read that is interrupted or times out while it waits leaves its answer on the way. Such a connection keeps working,
 * but the pool does not lend it again.
 *
 * @since 3.0.0
 * @category models
 */
export interface Connection {
  /**
   * Sends all of the data. Completes when the connection has accepted it without exceeding its write buffer; the peer
   * may not have it yet. A string is sent as UTF-8. The bytes must not be changed afterwards.
   */
  send(data: Uint8Array | string, options?: OperationOptions): Effect.Effect<void, ConnectionError>

  /**
   * Reads the bytes that have arrived, at least 1 and at most `maxBytes` (1024 by default). Waits if there are none.
   * Fails with reason `EndOfStream` at the end of the stream.
   */
  recv(maxBytes?: number, options?: OperationOptions): Effect.Effect<Uint8Array, ConnectionError>

  /**
   * Reads exactly `bytes` bytes and waits until they have arrived. Fails with reason `EndOfStream` if the stream ends
   * before that.
   */
  recvExactly(bytes: number, options?: OperationOptions): Effect.Effect<Uint8Array, ConnectionError>

  /**
   * Reads up to and including the delimiter. Fails with reason `TooLarge` if the delimiter does not end within
   * `maxBytes` bytes (65,536 by default).
   */
  recvUntil(
    delimiter: Uint8Array | string,
    options?: OperationOptions & { readonly maxBytes?: number }
  ): Effect.Effect<Uint8Array, ConnectionError>

  /**
   * Reads one frame with a new decoder, such as that of a `Framing`. Fails with reason `TooLarge` if the decoder says
   * so. A decoder that throws is a defect of the reader, and the connection is not lent again. Most programs use
   * `Framing.over` instead.
   */
  recvFrame<A>(decoder: () => Decoder<A>, options?: OperationOptions): Effect.Effect<A, ConnectionError>

  /**
   * Sends a request and reads the frame that answers it. `timeout` limits both together. Use it in place of `send` and
   * `recvFrame` for a protocol that answers each request with one frame.
   *
   * The answer is never an earlier request's. Fails with reason `Desync`, and sends nothing, if input is unread, if an
   * earlier read timed out or was interrupted, or if another read or write waits. After a failure or an interruption
   * the answer may be on its way, so every further `exchange` fails, and the pool does not lend the connection again.
   */
  exchange<A>(
    data: Uint8Array | string,
    framing: { readonly decoder: () => Decoder<A> },
    options?: OperationOptions
  ): Effect.Effect<A, ConnectionError>

  /**
   * Emits the bytes that arrive, until the peer ends the stream. Each read waits at most the connection's `timeout`.
   *
   * An end of the stream is not authenticated, also over TLS: frame what you read.
   */
  readonly stream: Stream.Stream<Uint8Array, ConnectionError>

  /** Sends its input piece by piece. Its end leaves the connection open; use `shutdown` to tell the peer. */
  readonly sink: Sink.Sink<void, Uint8Array | string, never, ConnectionError>

  /**
   * Combines `sink` and `stream`, for `Stream.pipeThroughChannelOrFail`: sends its input and emits the bytes that
   * arrive, until the peer ends the stream. The end of its input leaves the connection open; an error of its input ends
   * the channel.
   */
  channel<IE = never>(): Duplex<ConnectionError, IE>

  /**
   * Tells the peer, after everything sent so far, that nothing more follows. Reading continues. Later sends fail with
   * reason `Closed`, and the connection does not return to its pool.
   */
  readonly shutdown: Effect.Effect<void, ConnectionError>

  /** Completes when the connection has closed, from either side. */
  readonly closed: Effect.Effect<void>

  /** Whether the peer is still there, as far as this side knows. */
  readonly isConnected: boolean

  /** This side's address. */
  readonly localAddress: Address
  /** The peer's address. */
  readonly remoteAddress: Address
}
