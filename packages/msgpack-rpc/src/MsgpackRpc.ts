/**
 * Clients of MessagePack-RPC: calls over pooled connections that many fibers share, notifications, and handlers for
 * calls from the server.
 *
 * @since 3.0.0
 */
import { argument, optionsOf, rules } from "@socketpool/core/Checks"
import type { ClientStats, Options as ClientOptions } from "@socketpool/core/Client"
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectError, ConnectionError } from "@socketpool/core/ConnectionError"
import type { ConnectionPool } from "@socketpool/core/ConnectionPool"
import type { FramingError } from "@socketpool/core/Framing"
import type { TagClass } from "@socketpool/core/Interop"
import type { BorrowError, ConnectTimeoutError } from "@socketpool/core/PoolError"
import * as PoolLayer from "@socketpool/core/PoolLayer"
import type { Protocol } from "@socketpool/core/Protocol"
import type { RequestOptions } from "@socketpool/core/Session"
import type * as TcpConnection from "@socketpool/node/TcpConnection"
import type * as TlsConnection from "@socketpool/node/TlsConnection"
import type * as UnixConnection from "@socketpool/node/UnixConnection"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { tagOf } from "./internal/effect.js"
import { all } from "./internal/options.js"
import { makeRpc } from "./internal/rpcImpl.js"
import { makeTest } from "./internal/testServer.js"
import type { DecodingError, RpcError } from "./RpcError.js"

// --- Models ---------------------------------------------------------------------------------------------------------

/**
 * The options of a call.
 *
 * @since 3.0.0
 * @category models
 */
export interface CallOptions<A = unknown, R = never> extends RequestOptions {
  /** Decodes the result. A result that does not fit fails with `ParseError`. Default: none; the result is `unknown`. */
  readonly schema?: Schema.Schema<A, any, R>
}

/**
 * A message of the server that expects no answer.
 *
 * @since 3.0.0
 * @category models
 */
export interface Notification {
  readonly method: string
  readonly params: ReadonlyArray<unknown>
}

/**
 * Calls and notifies the server.
 *
 * @since 3.0.0
 * @category models
 */
export interface Caller<out E> {
  /**
   * Calls a method and waits for its result. An interrupted call, or one that times out, costs no connection: its answer
   * is dropped when it comes. The span has the name of the method and the attributes `rpc.system` and `rpc.method`.
   *
   * Params that MessagePack cannot hold are a defect (`RangeError`). Whole numbers of more than 53 bits are `bigint`.
   *
   * Fails with:
   * - `RpcError` if the server answers with an error. The connection is in order.
   * - `DecodingError` if the answer has a value that cannot be decoded. The connection is in order.
   * - `FramingError` if the call has more than `maxBytes`. Nothing was sent.
   * - `ConnectionError` if the connection fails before the answer has come, or with reason `Timeout`. `sent` says
   *   whether the call may have reached the server.
   * - the errors of borrowing from a pool, such as `ConnectError` and `PoolExhaustedError`.
   */
  readonly call: {
    <A, R = never>(
      method: string,
      params: ReadonlyArray<unknown>,
      options: CallOptions<A, R> & { readonly schema: Schema.Schema<A, any, R> }
    ): Effect.Effect<A, E | RpcError | DecodingError | ParseResult.ParseError, R>
    (
      method: string,
      params?: ReadonlyArray<unknown>,
      options?: RequestOptions
    ): Effect.Effect<unknown, E | RpcError | DecodingError>
  }

  /** Sends a notification. Completes when a connection has accepted it. Nothing says whether the server has read it. */
  readonly notify: (method: string, params?: ReadonlyArray<unknown>) => Effect.Effect<void, E>
}

/**
 * The failures of a client besides the server's own: those of its pool and of its connections. `E` are those of
 * `handshake`.
 *
 * @since 3.0.0
 * @category models
 */
export type TransportError<E = never> = E | ConnectError | BorrowError | ConnectionError | FramingError

/**
 * A client of one server.
 *
 * @since 3.0.0
 * @category models
 */
export interface RpcClient<out E = never> extends Caller<TransportError<E>> {
  /**
   * Answers the server's calls of a method until the scope closes. The handler gets the params. It runs in a fiber of
   * the client, once per call, and many at once.
   *
   * - Its result is the answer.
   * - A typed failure is an error answer: the `error` of an `RpcError`, the message of another `Error`, any other value
   *   as it is. `null` is sent as `"failed"`, because it would mean a success.
   * - A defect, an interrupt, or a value that MessagePack cannot hold is logged. The caller gets `"internal error"`.
   * - A call of a method without a handler gets an error answer that names the method.
   *
   * A second handler for the same method is a defect (`RangeError`). The server can call only while a connection is
   * open: set `minConnections` to 1 if it is to call an idle client.
   */
  readonly handle: <R = never>(
    method: string,
    handler: (params: ReadonlyArray<unknown>) => Effect.Effect<unknown, unknown, R>
  ) => Effect.Effect<void, never, R | Scope.Scope>

  /**
   * The server's notifications on all connections, from the moment of subscription on, until the client closes. At most
   * 16,384 are kept for a slow subscriber, which then loses the oldest.
   */
  readonly notifications: Stream.Stream<Notification>

  /** The counts and times of all connections since the client was made. */
  readonly stats: Effect.Effect<ClientStats>

  /** The pool of the connections: for `stats`, `events`, `clear`, `resize` and the like. */
  readonly pool: ConnectionPool<any, ConnectError | E>
}

/** The options of the pool, without those that a client of a protocol decides itself. */
type PoolOptions = Omit<
  ClientOptions<Protocol<any, any, any>>,
  "protocol" | "open" | "handshake" | "validate" | "farewell" | "onPush"
>

/**
 * The options of a client that do not say where the server is. `E` are the failures of `handshake`, and `R` the services
 * of the hooks. All options of a pool hold, except those that a shared connection has no use for.
 *
 * @since 3.0.0
 * @category models
 */
export interface CommonOptions<out E = never, out R = never> extends PoolOptions {
  /**
   * Limits the size of a message, in both directions. A longer call fails with `FramingError`; a longer message of the
   * server costs the connection. A connection may keep that number of bytes in memory. Default: 16,777,216.
   */
  readonly maxBytes?: number

  /** Decodes maps as objects, whose keys are texts. With `false` they are `Map`s. Default: `true`. */
  readonly mapsAsObjects?: boolean

  /**
   * Limits the calls of the server that are handled at once on one connection. One more is not answered, and the
   * connection closes once its present requests have ended. Default: 1,024.
   */
  readonly maxHandling?: number

  /** Makes a new connection ready before it serves anybody, such as a login. It is part of the open. */
  readonly handshake?: (caller: Caller<ConnectionError | FramingError>) => Effect.Effect<unknown, E, R>

  /** Asks a connection that has been idle whether it still works, as in a pool. */
  readonly validate?: (caller: Caller<ConnectionError | FramingError>) => Effect.Effect<boolean, unknown, R>

  /** Says goodbye on a connection that is in order before it closes, as in a pool. */
  readonly farewell?: (caller: Caller<ConnectionError | FramingError>) => Effect.Effect<unknown, unknown, R>
}

/**
 * The place of a server that is reached over TCP or TLS: `host`, `port` and the other options of `TcpConnection`.
 *
 * @since 3.0.0
 * @category models
 */
export interface TcpAddress extends Omit<TcpConnection.Options, "timeout" | "allowHalfOpen"> {
  /** Speaks TLS, with the options of `TlsConnection`. Default: `false`. */
  readonly tls?: boolean | TlsConnection.SecurityOptions
}

/**
 * The place of a server that is reached over a Unix socket.
 *
 * @since 3.0.0
 * @category models
 */
export interface UnixAddress extends Omit<UnixConnection.Options, "timeout" | "allowHalfOpen"> {}

/**
 * A way of one's own to reach a server, such as `server.connect()` of a `MemoryServer`.
 *
 * @since 3.0.0
 * @category models
 */
export interface Connector<in out R = never> {
  /** Opens a connection that closes with the scope. */
  readonly open: Effect.Effect<Connection, ConnectError, R | Scope.Scope>
}

/**
 * The options of a client: where the server is, and everything else.
 *
 * @since 3.0.0
 * @category models
 */
export type Options<E = never, R = never> = CommonOptions<E, R> & (TcpAddress | UnixAddress | Connector<R>)

// --- Constructors ---------------------------------------------------------------------------------------------------

/**
 * Makes a client that closes with the scope. It opens connections as a pool does: none until it is asked to.
 *
 * A wrong option is a defect (`RangeError`) that names the option, the value and the rule.
 *
 * @example
 * ```ts
 * import { MsgpackRpc } from "@socketpool/msgpack-rpc"
 * import { Effect, Schema } from "effect"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const rpc = yield* MsgpackRpc.make({ host: "localhost", port: 6666, maxConnections: 2 })
 *   return yield* rpc.call("add", [1, 2], { schema: Schema.Number, timeout: "3 seconds" })
 * }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = <E = never, R = never>(
  options: Options<E, R>
): Effect.Effect<RpcClient<E>, never, Exclude<R, Scope.Scope> | Scope.Scope> => makeRpc("MsgpackRpc.make", options)

/**
 * The part of a `TestRpc` that is the server.
 *
 * @since 3.0.0
 * @category models
 */
export interface TestServer {
  /** Calls a handler of the client, on its first open connection. */
  readonly call: Caller<ConnectionError | FramingError>["call"]
  /** Notifies the client on every open connection. */
  readonly notify: (method: string, params?: ReadonlyArray<unknown>) => Effect.Effect<void>
  /** The notifications that the client has sent. */
  readonly notifications: Stream.Stream<Notification>
  /** Breaks every connection, as the death of a server does. Returns the number. */
  readonly reset: Effect.Effect<number>
  /** The number of connections that the client has now. */
  readonly connections: Effect.Effect<number>
}

/**
 * A client together with its server in memory.
 *
 * @since 3.0.0
 * @category models
 */
export interface TestRpc extends RpcClient {
  readonly server: TestServer
}

/**
 * Makes a client of a server in memory, for tests. `handlers` are the methods that the server has; they fail and die as
 * those of `handle` do. Only the socket differs from a real server: bytes are framed, and connections are pooled.
 *
 * @example
 * ```ts
 * import { MsgpackRpc } from "@socketpool/msgpack-rpc"
 * import { Effect, Layer } from "effect"
 *
 * const program = Effect.flatMap(MsgpackRpc.Rpc, (rpc) => rpc.call("add", [1, 2]))
 *
 * const server = MsgpackRpc.test({
 *   add: ([a, b]) => Effect.succeed((a as number) + (b as number))
 * })
 *
 * const three = Effect.provide(program, Layer.scoped(MsgpackRpc.Rpc, server))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const test = <R = never>(
  handlers: Readonly<
    Record<string, (params: ReadonlyArray<unknown>) => Effect.Effect<unknown, unknown, R>>
  >,
  options: CommonOptions = {}
): Effect.Effect<TestRpc, never, R | Scope.Scope> => makeTest(handlers, options)

// --- Services -------------------------------------------------------------------------------------------------------

/**
 * A tag whose service is a client, with accessors.
 *
 * @since 3.0.0
 * @category models
 */
export interface ServiceClass<Self, Id extends string, E> extends TagClass<Self, Id, RpcClient<E>> {
  readonly call: {
    <A, R = never>(
      method: string,
      params: ReadonlyArray<unknown>,
      options: CallOptions<A, R> & { readonly schema: Schema.Schema<A, any, R> }
    ): Effect.Effect<A, TransportError<E> | RpcError | DecodingError | ParseResult.ParseError, R | Self>
    (
      method: string,
      params?: ReadonlyArray<unknown>,
      options?: RequestOptions
    ): Effect.Effect<unknown, TransportError<E> | RpcError | DecodingError, Self>
  }
  readonly notify: (method: string, params?: ReadonlyArray<unknown>) => Effect.Effect<void, TransportError<E>, Self>
  readonly handle: <R = never>(
    method: string,
    handler: (params: ReadonlyArray<unknown>) => Effect.Effect<unknown, unknown, R>
  ) => Effect.Effect<void, never, R | Self | Scope.Scope>
  readonly notifications: Stream.Stream<Notification, never, Self>

  /**
   * Makes the client as a layer; it closes with the layer. A wrong option is a defect. Building it never fails, unless
   * `failFast` is set.
   */
  readonly layer: <R = never, F extends boolean = false>(
    options: Options<E, R> & PoolLayer.Options<F>
  ) => Layer.Layer<Self, FailFast<F, E>, Exclude<R, Scope.Scope>>

  /** Makes the client as a layer, with options that come from the configuration. */
  readonly layerConfig: <F extends boolean = false>(
    config: Config.Config.Wrap<Options<E>>,
    options?: PoolLayer.Options<F>
  ) => Layer.Layer<Self, ConfigError.ConfigError | FailFast<F, E>>
}

/**
 * The error of a layer that is built with `failFast`. `E` are the failures of `handshake`.
 *
 * @since 3.0.0
 * @category models
 */
export type FailFast<F extends boolean, E = never> = PoolLayer.FailFast<F, E | ConnectError | ConnectTimeoutError>

/**
 * Makes a tag for a client, so that one program can have several.
 *
 * @example
 * ```ts
 * import { MsgpackRpc } from "@socketpool/msgpack-rpc"
 * import { Effect } from "effect"
 *
 * class Editor extends MsgpackRpc.Service<Editor>()("app/Editor") {}
 *
 * const program = Effect.provide(Editor.call("nvim_get_mode"), Editor.layer({ path: "/run/nvim.sock" }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const Service = <Self, E = never>() => <const Id extends string>(id: Id): ServiceClass<Self, Id, E> => {
  argument("MsgpackRpc.Service", "id", rules.name, id)
  const tag = tagOf<Self, RpcClient<E>>()(id)
  const makeIn = (of: string) => (options: object) => makeRpc(of, options)
  const members = {
    call: (...args: [any, any, any]) => Effect.flatMap(tag, (rpc) => rpc.call(...args)),
    notify: (method: string, params?: ReadonlyArray<unknown>) =>
      Effect.flatMap(tag, (rpc) => rpc.notify(method, params)),
    handle: (...args: Parameters<RpcClient["handle"]>) => Effect.flatMap(tag, (rpc) => rpc.handle(...args)),
    notifications: Stream.unwrap(Effect.map(tag, (rpc) => rpc.notifications)),
    layer: (options: object) => PoolLayer.clientLayerOf(tag, makeIn("MsgpackRpc.layer"), options),
    layerConfig: (config: Config.Config.Wrap<object>, options?: PoolLayer.Options<boolean>) => {
      const of = "MsgpackRpc.layerConfig"
      return PoolLayer.clientLayerConfigOf(tag, makeIn(of), optionsOf<object>(of, all, config), options)
    }
  }
  return Object.assign(tag, members) as unknown as ServiceClass<Self, Id, E>
}

/**
 * The tag of a program's only client.
 *
 * @example
 * ```ts
 * import { MsgpackRpc } from "@socketpool/msgpack-rpc"
 * import { Effect } from "effect"
 *
 * const program = MsgpackRpc.Rpc.call("ping")
 *
 * const main = Effect.provide(program, MsgpackRpc.layer({ host: "localhost", port: 6666 }))
 * ```
 *
 * @since 3.0.0
 * @category services
 */
export class Rpc extends Service<Rpc>()("@socketpool/msgpack-rpc/Rpc") {}

/**
 * Provides a client as the service `Rpc`. It closes with the layer. Building the layer never fails, and opens nothing
 * unless an option says so. With `failFast` it fails if the server cannot be reached, or refuses the `handshake`.
 *
 * @example
 * ```ts
 * import { MsgpackRpc } from "@socketpool/msgpack-rpc"
 *
 * const RpcLive = MsgpackRpc.layer({ host: "localhost", port: 6666, tls: true })
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layer: typeof Rpc.layer = Rpc.layer

/**
 * Provides `layer` with options from the configuration. Fails with `ConfigError` if a value is missing or malformed.
 *
 * @example
 * ```ts
 * import { MsgpackRpc } from "@socketpool/msgpack-rpc"
 * import { Config } from "effect"
 *
 * const RpcLive = MsgpackRpc.layerConfig({ host: Config.string("RPC_HOST"), port: Config.port("RPC_PORT") })
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layerConfig: typeof Rpc.layerConfig = Rpc.layerConfig
