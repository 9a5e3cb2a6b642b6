/**
 * Sessions: a transport with one holder at a time, and the connection in the holder's hand.
 *
 * @since 3.0.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import { bytes as bytesRule, callback, count, duration, flag, having, optional, orElse } from "./checks/rules.js"
import { argument, type Rows, Table } from "./checks/table.js"
import type { Address, Connection, OperationOptions } from "./Connection.js"
import type { ConnectionError } from "./ConnectionError.js"
import type { Decoder } from "./Decoder.js"
import { atMost, exactly, until } from "./internal/decoders.js"
import { duplex, sinkFor, streamUntil } from "./internal/effect/stream.js"
import { format } from "./internal/effect/tag.js"
import { guarded } from "./internal/interruption.js"
import { giveAccess, internalOf, sessionOf } from "./internal/transport/access.js"
import * as Operations from "./internal/transport/operation.js"
import { Session } from "./internal/transport/session.js"
import * as Utf8 from "./internal/utf8.js"
import type { Duplex } from "./Interop.js"
import type { Transport } from "./Transport.js"

// --- Models ---------------------------------------------------------------------------------------------------------

/**
 * A transport with one holder at a time. Make it with `make`. `C` is the type of connection it lends.
 *
 * @since 3.0.0
 * @category models
 */
export interface TransportSession<out T extends Transport = Transport, out C = Connection> {
  readonly transport: T
  /** The limit of one operation that has to wait, in milliseconds; `Infinity` for none. */
  readonly timeout: number
  /** Makes a connection for a new holder and revokes the last holder's: it fails with reason `Released` from now on. */
  readonly lend: () => C
  /** Closes the transport and completes when it has closed. Output is sent first, unless the session is dirty. */
  readonly close: Effect.Effect<void>
}

/**
 * The options of a session.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options<T extends Transport, C> {
  /** The transport, not started yet. */
  readonly transport: T

  /** Makes the connection of a new holder. Default: a plain `TransportConnection`. */
  readonly holder?: (session: TransportSession<T, C>) => C

  /**
   * Limits one `send` or read that has to wait, as a whole, however slowly bytes trickle in. Then it fails with
   * `ConnectionError` reason `Timeout`. More than 0. Default: none.
   */
  readonly timeout?: Duration.DurationInput

  /** Lets the holder send after the peer has ended its stream. Default: `false`. */
  readonly allowHalfOpen?: boolean
}

// --- The holder's connection ----------------------------------------------------------------------------------------

const defaultMaxBytes = 1_024
const defaultMaxFrame = 65_536
const untilOptions = new Table({ timeout: optional(duration("more than 0")) } satisfies Rows<OperationOptions>)

type UntilOptions = OperationOptions & { readonly maxBytes?: number }

/** Checks a whole number without any cost for a right one. */
const whole = (of: string, option: string, value: number, least: number): number =>
  Number.isSafeInteger(value) && value >= least ? value : argument(of, option, count(least), value)

/** The bytes that `stream` reads at once: as many as one read from a socket gives. */
const streamBytes = 65_536

/**
 * The connection of one holder, for one lease; worthless afterwards. Extend it to give holders more than `Connection`
 * has.
 *
 * @example
 * ```ts
 * import { type Transport, TransportSession } from "@socketpool/core"
 *
 * class Labelled extends TransportSession.TransportConnection<Transport.Transport> {
 *   get label(): string {
 *     return `over ${this.transport.address}`
 *   }
 * }
 *
 * const open = (transport: Transport.Transport) =>
 *   TransportSession.connection({ transport, holder: (session) => new Labelled(session) })
 * ```
 *
 * @since 3.0.0
 * @category models
 */
export abstract class TransportConnection<T extends Transport = Transport>
  implements Connection, Inspectable.Inspectable
{
  /** @ignore */
  readonly #session: Session<T, any>

  static {
    giveAccess<TransportConnection<any>>(this.prototype, (connection) => connection.#session)
  }

  // The bodies of its effects. They are no closures, because closures would cost as much as the rest.

  static readonly #write = (
    fiber: Operations.Holder,
    guard: Operations.Guard,
    connection: TransportConnection<any>,
    data: Uint8Array | string,
    options: OperationOptions | undefined
  ) => Operations.write(fiber, guard, connection.#session, connection, data, options)

  static readonly #read = <A>(
    fiber: Operations.Holder,
    guard: Operations.Guard,
    connection: TransportConnection<any>,
    make: () => Decoder<A>,
    options: OperationOptions | undefined
  ) => {
    const timeout = Operations.timeoutOf(connection.#session, options)
    if (typeof make !== "function") argument("recvFrame", "decoder", callback, make)
    return Operations.read(fiber, guard, connection.#session, connection, make(), timeout)
  }

  static readonly #exchange = <A>(
    fiber: Operations.Holder,
    guard: Operations.Guard,
    connection: TransportConnection<any>,
    { data, framing }: { readonly data: Uint8Array | string; readonly framing: Operations.Frames<A> },
    options: OperationOptions | undefined
  ) => {
    const session = connection.#session
    const timeout = Operations.timeoutOf(session, options)
    const decoder = Operations.decoderOf(data, framing)
    return Operations.exchange(fiber, guard, session, connection, data, decoder, timeout)
  }

  static readonly #readUntil = (
    fiber: Operations.Holder,
    guard: Operations.Guard,
    connection: TransportConnection<any>,
    delimiter: Uint8Array | string,
    options: UntilOptions | undefined
  ) => {
    const session = connection.#session
    const end = typeof delimiter === "string" && delimiter.length > 0 ?
      Utf8.encode(delimiter) :
      argument("recvUntil", "delimiter", bytesRule, delimiter)
    const { maxBytes, timeout } = options === undefined ?
      { maxBytes: whole("recvUntil", "maxBytes", defaultMaxFrame, end.length), timeout: undefined } :
      untilOptions.with({ maxBytes: orElse(count(end.length), defaultMaxFrame) }).read("recvUntil", options)
    return Operations.read(fiber, guard, session, connection, until(end, maxBytes), timeout ?? session.timeout)
  }

  constructor(session: TransportSession<T, any>) {
    this.#session = internalOf<T, any>(session)
  }

  /** The transport, while the lease lasts. Throws `ConnectionError` reason `Released` afterwards. */
  protected get transport(): T {
    if (this.#session.holder !== this) throw this.#session.error("read", { reason: "Released" })
    return this.#session.transport
  }

  /**
   * Sends all of the data, as `Connection.send` does.
   *
   * @since 3.0.0
   */
  send(data: Uint8Array | string, options?: OperationOptions): Effect.Effect<void, ConnectionError> {
    return guarded(TransportConnection.#write, this, data, options)
  }

  get sink(): Sink.Sink<void, Uint8Array | string, never, ConnectionError> {
    return sinkFor((data) => this.send(data))
  }

  get shutdown(): Effect.Effect<void, ConnectionError> {
    return Operations.shutdown(this.#session, this)
  }

  /**
   * Reads the bytes that have arrived, as `Connection.recv` does.
   *
   * @since 3.0.0
   */
  recv(maxBytes: number = defaultMaxBytes, options?: OperationOptions): Effect.Effect<Uint8Array, ConnectionError> {
    return this.recvFrame(() => atMost(whole("recv", "maxBytes", maxBytes, 1)), options)
  }

  /**
   * Reads exactly `bytes` bytes, as `Connection.recvExactly` does.
   *
   * @since 3.0.0
   */
  recvExactly(bytes: number, options?: OperationOptions): Effect.Effect<Uint8Array, ConnectionError> {
    return this.recvFrame(() => exactly(whole("recvExactly", "bytes", bytes, 0)), options)
  }

  /**
   * Reads up to and including the delimiter, as `Connection.recvUntil` does.
   *
   * @since 3.0.0
   */
  recvUntil(
    delimiter: Uint8Array | string,
    options?: OperationOptions & { readonly maxBytes?: number }
  ): Effect.Effect<Uint8Array, ConnectionError> {
    return guarded(TransportConnection.#readUntil, this, delimiter, options)
  }

  /**
   * Reads one frame with a new decoder, as `Connection.recvFrame` does.
   *
   * @since 3.0.0
   */
  recvFrame<A>(decoder: () => Decoder<A>, options?: OperationOptions): Effect.Effect<A, ConnectionError> {
    return guarded(TransportConnection.#read<A>, this, decoder, options)
  }

  /**
   * Sends a request and reads the frame that answers it, as `Connection.exchange` does.
   *
   * @since 3.0.0
   */
  exchange<A>(
    data: Uint8Array | string,
    framing: { readonly decoder: () => Decoder<A> },
    options?: OperationOptions
  ): Effect.Effect<A, ConnectionError> {
    return guarded(TransportConnection.#exchange<A>, this, { data, framing }, options)
  }

  get stream(): Stream.Stream<Uint8Array, ConnectionError> {
    return streamUntil(this.recv(streamBytes), Operations.endsStream)
  }

  /**
   * Combines `sink` and `stream`, as `Connection.channel` does.
   *
   * @since 3.0.0
   */
  channel<IE = never>(): Duplex<ConnectionError, IE> {
    return duplex<ConnectionError, IE>(this.recv(streamBytes), Operations.endsStream, (data) => this.send(data))
  }

  get closed(): Effect.Effect<void> {
    return this.#session.closed
  }

  get isConnected(): boolean {
    return this.#session.holder === this && this.#session.isOpen
  }

  get localAddress(): Address {
    return this.#session.transport.localAddress
  }

  get remoteAddress(): Address {
    return this.#session.transport.remoteAddress
  }

  /**
   * Returns the address and whether the connection is connected, for logs.
   *
   * @since 3.0.0
   */
  toJSON(): unknown {
    const { address } = this.#session.transport
    return { _id: "@socketpool/core/Connection", address, isConnected: this.isConnected }
  }

  /**
   * Returns the text of `toJSON`.
   *
   * @since 3.0.0
   */
  toString(): string {
    return format(this.toJSON())
  }

  /**
   * Returns the same as `toJSON`, for Node's `inspect`.
   *
   * @since 3.0.0
   */
  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

class PlainConnection<T extends Transport> extends TransportConnection<T> {}

// --- Constructors ---------------------------------------------------------------------------------------------------

/**
 * Puts a session over a transport. The caller closes it, with `close`. A wrong option throws a `RangeError`.
 *
 * Use it to make the sessions of a `TransportPool`. For one connection without a pool, use `connection`.
 *
 * @example
 * ```ts
 * import { type Transport, TransportSession } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const open = (transport: Transport.Transport) =>
 *   Effect.acquireRelease(
 *     Effect.sync(() => TransportSession.make({ transport, timeout: "5 seconds" })),
 *     (session) => session.close
 *   )
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = <T extends Transport, C = TransportConnection<T>>(
  options: Options<T, C>
): TransportSession<T, C> => {
  const { allowHalfOpen, holder, timeout, transport } = sessionOptions.read("TransportSession", options)
  // Without a `holder`, C is the type of the default.
  return new Session<T, C>(
    transport as T,
    holder ?? ((session) => new PlainConnection<T>(session) as C),
    timeout,
    allowHalfOpen
  )
}

const sessionOptions = new Table(
  {
    transport: having<Transport>("a Transport", "start", "write", "close"),
    holder: optional(callback),
    timeout: orElse(duration("more than 0"), Infinity),
    allowHalfOpen: orElse(flag, false)
  } satisfies Rows<Options<any, any>>
)

/**
 * Makes a connection over a transport, for one holder. It closes with the scope.
 *
 * @example
 * ```ts
 * import { type Transport, TransportSession } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const greet = (transport: Transport.Transport) =>
 *   Effect.scoped(Effect.gen(function*() {
 *     const connection = yield* TransportSession.connection({ transport })
 *     yield* connection.send("hello")
 *     return yield* connection.recvUntil("\n")
 *   }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const connection = <T extends Transport, C = TransportConnection<T>>(
  options: Options<T, C>
): Effect.Effect<C, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(Effect.sync(() => make(options)), (session) => session.close),
    (session) => session.lend()
  )

// --- For protocols that change their transport ----------------------------------------------------------------------

/**
 * Returns the session behind a connection, if the connection's holder has it alone: it still holds it, and the session
 * does not belong to a pool. Use it to upgrade a connection that the user has opened.
 *
 * @example
 * ```ts
 * import { type Transport, TransportSession } from "@socketpool/core"
 *
 * const transportOf = (connection: TransportSession.TransportConnection<Transport.Transport>) => {
 *   const session = TransportSession.ownSession(connection)
 *   return session === undefined ? "NotYours" : TransportSession.takeTransport(session)
 * }
 * ```
 *
 * @since 3.0.0
 * @category advanced
 */
export const ownSession = <T extends Transport>(
  connection: TransportConnection<T>
): TransportSession<T, TransportConnection<T>> | undefined => {
  const session = sessionOf(connection)
  return session.holder === connection && !session.isShared ? session as Session<any, any> : undefined
}

/**
 * Takes the transport away from a session, for a protocol that continues on the same bytes in another way, as TLS does
 * after `STARTTLS`. The holder's connection is revoked. Returns `"Ended"` if the transport has failed, and `"Unclean"`
 * if input is unread or output unsent: it must not be taken for part of what follows.
 *
 * @example
 * ```ts
 * import { type Transport, TransportSession } from "@socketpool/core"
 *
 * declare const upgraded: (plain: Transport.Transport) => Transport.Transport
 *
 * const upgrade = (session: TransportSession.TransportSession) => {
 *   const plain = TransportSession.takeTransport(session)
 *   return typeof plain === "string" ? plain : TransportSession.make({ transport: upgraded(plain) })
 * }
 * ```
 *
 * @since 3.0.0
 * @category advanced
 */
export const takeTransport = <T extends Transport>(session: TransportSession<T, any>): T | "Ended" | "Unclean" => {
  const taken = internalOf<T, any>(session)
  taken.revoke()
  if (taken.end !== undefined) return "Ended"
  return taken.isClean && !taken.hasUnsent ? taken.transport : "Unclean"
}
