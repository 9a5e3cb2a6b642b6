/**
 * Redis as programs see it: a client that all fibers share, and sessions that one of them has for itself.
 *
 * @since 3.0.0
 */
import type { ClientStats } from "@socketpool/core/Client"
import type { ConnectError, ConnectionError } from "@socketpool/core/ConnectionError"
import type { ConnectionPool } from "@socketpool/core/ConnectionPool"
import type { EndpointStatus } from "@socketpool/core/EndpointPool"
import type { BorrowError, NoEndpointError } from "@socketpool/core/PoolError"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as ParseResult from "effect/ParseResult"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { RedisCommands } from "./RedisCommands.js"
import type { RedisConflictError, RedisError } from "./RedisError.js"

/**
 * An argument of a command: a text in UTF-8, bytes, or a number. A number that is not finite, `null`, `undefined` and
 * objects are a defect (`RangeError`), and nothing is sent.
 *
 * @since 3.0.0
 * @category models
 */
export type Argument = string | Uint8Array | number | bigint

/**
 * A command with its arguments.
 *
 * @since 3.0.0
 * @category models
 */
export type Command = readonly [name: string, ...args: ReadonlyArray<Argument>]

/**
 * A reply, with texts in UTF-8. Numbers of more than 53 bits are a `bigint`. An error within an array is a value.
 *
 * A server that speaks version 2 of the protocol sends maps and sets as arrays, and doubles as texts.
 *
 * @since 3.0.0
 * @category models
 */
export type Reply =
  | string
  | number
  | bigint
  | boolean
  | null
  | RedisError
  | ReadonlyArray<Reply>
  | ReadonlyMap<Reply, Reply>
  | ReadonlySet<Reply>

/**
 * A reply whose texts are bytes. Status texts, such as `OK`, and the keys of maps are texts.
 *
 * @since 3.0.0
 * @category models
 */
export type BytesReply =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | RedisError
  | ReadonlyArray<BytesReply>
  | ReadonlyMap<BytesReply, BytesReply>
  | ReadonlySet<BytesReply>

/**
 * The errors of every command.
 *
 * - `RedisError`: the server answered with an error, or refused the login.
 * - `ConnectError`, `ConnectTimeoutError`: no connection could be opened.
 * - `ConnectionError`: the connection failed. `sent` says whether the command may have reached the server.
 * - `PoolExhaustedError`, `PoolClosedError`: no connection became free in time, or the client has closed.
 *
 * @since 3.0.0
 * @category errors
 */
export type Failure = RedisError | ConnectError | ConnectionError | BorrowError

/**
 * The options of one command.
 *
 * @since 3.0.0
 * @category models
 */
export interface CommandOptions {
  /**
   * Limits the time until the reply has come. Then the command fails with `ConnectionError` reason `Timeout`, and costs
   * no connection. More than 0. Default: none.
   */
  readonly timeout?: Duration.DurationInput
}

/**
 * Sends commands: on connections that all share, or on one session.
 *
 * @since 3.0.0
 * @category models
 */
export interface RedisCommander extends RedisCommands {
  /**
   * Sends a command and returns its reply.
   *
   * An interrupt ends the wait at once and costs no connection. Neither does an error of the server.
   */
  command(name: string, ...args: ReadonlyArray<Argument>): Effect.Effect<Reply, Failure>

  /**
   * Sends a command with options: a `timeout`; `bytes: true` for a reply in bytes; a `schema` that the reply must match,
   * else it fails with `ParseError`.
   */
  commandWith<A, I, R>(
    options: CommandOptions & { readonly schema: Schema.Schema<A, I, R> },
    name: string,
    ...args: ReadonlyArray<Argument>
  ): Effect.Effect<A, Failure | ParseResult.ParseError, R>
  commandWith(
    options: CommandOptions & { readonly bytes: true },
    name: string,
    ...args: ReadonlyArray<Argument>
  ): Effect.Effect<BytesReply, Failure>
  commandWith(
    options: CommandOptions,
    name: string,
    ...args: ReadonlyArray<Argument>
  ): Effect.Effect<Reply, Failure>

  /**
   * Sends commands that the server runs one after another, with none of others in between: `MULTI` and `EXEC`, in one
   * round trip. Returns one reply for each; an error of one is a `RedisError` in its place, and the others are done.
   *
   * Fails with `RedisError`, and nothing is done, if the server refuses one of them beforehand. Fails with
   * `RedisConflictError` if a key that the session watches has changed.
   */
  transaction(commands: ReadonlyArray<Command>): Effect.Effect<ReadonlyArray<Reply>, Failure | RedisConflictError>

  /**
   * Makes a function that runs a script of Lua, with keys and arguments. It sends the hash of the script, and the script
   * itself only to a server that does not know it.
   */
  script(
    source: string
  ): (keys: ReadonlyArray<Argument>, args?: ReadonlyArray<Argument>) => Effect.Effect<Reply, Failure>
}

/**
 * A whole connection, for as long as its lease lasts: nobody else's commands are sent on it. It takes the commands that
 * change a connection, too, such as `MULTI`, `WATCH` and `SELECT`.
 *
 * At the end of the lease it is made ready for others: an open transaction is discarded, watched keys are forgotten, and
 * the database is as before. If that is not possible, or after a `HELLO`, `AUTH`, `RESET` or `QUIT`, an interrupt or a
 * defect, the connection closes.
 *
 * After `MULTI` the server answers every command with `QUEUED` until `EXEC`: use `command`, or `transaction`, which does
 * all of it.
 *
 * @since 3.0.0
 * @category models
 */
export interface RedisSession extends RedisCommander {
  /** Closes the connection at the end of the lease. */
  readonly discard: Effect.Effect<void>
  /** Completes when the connection has ended, at once if it has already. */
  readonly closed: Effect.Effect<void>
}

/**
 * A message of a channel.
 *
 * @since 3.0.0
 * @category models
 */
export interface RedisMessage {
  readonly channel: string
  readonly message: string
  /** The pattern that the channel matches, for a message of `psubscribe`. */
  readonly pattern?: string
}

/**
 * The errors of a subscription.
 *
 * @since 3.0.0
 * @category errors
 */
export type SubscriptionFailure = RedisError | ConnectError | ConnectionError

/**
 * A client of one server. Any number of fibers may use it at once: their commands share few connections.
 *
 * @since 3.0.0
 * @category models
 */
export interface RedisClient extends RedisCommander {
  /** Leases a whole connection until the scope closes. */
  readonly exclusive: Effect.Effect<RedisSession, Failure, Scope.Scope>

  /** Leases a whole connection while one effect runs. */
  withExclusive<A, E, R>(f: (session: RedisSession) => Effect.Effect<A, E, R>): Effect.Effect<A, E | Failure, R>

  /**
   * Runs a transaction that depends on what it read. Watches the keys, runs `f`, which reads and returns the commands,
   * and sends these as a transaction. If somebody has changed a watched key meanwhile, nothing is done, and it starts
   * again as `retry` says. Without commands it does nothing.
   *
   * Fails with `RedisConflictError` when `retry` ends. Default: up to 10 more times, after 1 ms and then twice as long
   * each time, with jitter.
   */
  watch<E, R>(
    keys: ReadonlyArray<Argument>,
    f: (session: RedisSession) => Effect.Effect<ReadonlyArray<Command>, E, R>,
    options?: { readonly retry?: Schedule.Schedule<unknown> }
  ): Effect.Effect<ReadonlyArray<Reply>, E | Failure | RedisConflictError, R>

  /**
   * Emits the messages of channels, on a connection of its own. A program that is slow holds the server back, which
   * ends a subscription that it would have to keep too much for.
   *
   * Fails with `ConnectionError` when the connection goes; `Stream.retry` subscribes again. Messages in between are
   * lost.
   */
  subscribe(...channels: readonly [string, ...Array<string>]): Stream.Stream<RedisMessage, SubscriptionFailure>

  /** Does what `subscribe` does, for all channels that match patterns such as `news.*`. */
  psubscribe(...patterns: readonly [string, ...Array<string>]): Stream.Stream<RedisMessage, SubscriptionFailure>

  /**
   * Subscribes until the scope closes, and completes when the server has confirmed it. The stream has every message from
   * then on. Use it in place of `subscribe` when the next step publishes a message that the stream must not miss, or reads
   * data that messages then update.
   *
   * Fails as the stream does, and with `ConnectError` reason `HandshakeTimeout` if the server does not confirm it within
   * `connectTimeout`. The stream can be run once. To subscribe again, run `subscribed` again.
   */
  subscribed(
    ...channels: readonly [string, ...Array<string>]
  ): Effect.Effect<Stream.Stream<RedisMessage, SubscriptionFailure>, SubscriptionFailure, Scope.Scope>

  /** Does what `subscribed` does, for all channels that match patterns such as `news.*`. */
  psubscribed(
    ...patterns: readonly [string, ...Array<string>]
  ): Effect.Effect<Stream.Stream<RedisMessage, SubscriptionFailure>, SubscriptionFailure, Scope.Scope>

  /** The pool of the connections: for `stats`, `events`, `clear`, `resize` and the like. */
  readonly pool: ConnectionPool<unknown, ConnectError | RedisError>

  /** The counts and times of the commands. */
  readonly stats: Effect.Effect<ClientStats>
}

/**
 * A client of several servers that hold the same data: a primary and its replicas, or caches of which any will do. With
 * `roles`, commands go to the primary; without, each goes to the server with the least to do, of the lowest tier that
 * has one.
 *
 * A command that finds no endpoint fails with `ConnectError` reason `Other`, whose `cause` is `NoEndpointError`.
 *
 * @since 3.0.0
 * @category models
 */
export interface RedisEndpoints extends RedisClient {
  /** The servers of the newest set, in its order, and then those that drain. */
  readonly endpoints: Effect.Effect<ReadonlyArray<EndpointStatus>>

  /** The part of the client that is one server. Fails with `NoEndpointError` if there is no endpoint of that `id`. */
  at(id: string): Effect.Effect<RedisClient, NoEndpointError>

  /**
   * The part of the client that is one tier. With `roles`, `tier(0)` is the primary and `tier(1)` the replicas. While a
   * tier has no server, its commands wait for one, as they wait for a connection.
   */
  tier(tier: number): RedisClient
}
