/**
 * A client of PostgreSQL for `@effect/sql`, over the driver `pg` and a pool of this library.
 *
 * @since 3.0.0
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import { optionsOf } from "@socketpool/core/Checks"
import type { ConnectionPool } from "@socketpool/core/ConnectionPool"
import { Pool } from "@socketpool/core/Pool"
import type { ConnectTimeoutError } from "@socketpool/core/PoolError"
import * as PoolLayer from "@socketpool/core/PoolLayer"
import type { PoolOptions } from "@socketpool/core/PoolOptions"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Client, ClientConfig, CustomTypesConfig } from "pg"
import * as Acquirer from "./Acquirer.js"
import { clientOptions, json } from "./internal/effect.js"
import * as Compiler from "./internal/pg/compiler.js"
import { isFatal } from "./internal/pg/errors.js"
import { listen } from "./internal/pg/listen.js"
import { resolve, type Settings, table } from "./internal/pg/options.js"
import { open, type Session } from "./internal/pg/session.js"

type OfPool = Omit<
  PoolOptions<PgConnection, SqlError, never>,
  | "open"
  | "isConnected"
  | "isExpired"
  | "isFatal"
  | "closed"
  | "validate"
  | "lease"
  | "onRelease"
  | "farewell"
  | "concurrency"
>

/**
 * One connection of the pool, for what a `SqlClient` does not have.
 *
 * @since 3.0.0
 * @category models
 */
export interface PgConnection {
  /** The driver's own client, such as for `COPY`. Await what it is asked: a lease must end with nothing in flight. */
  readonly client: Client
  /** Runs statements on this connection, as a `SqlClient` does. */
  readonly sql: Connection
}

/**
 * A `SqlClient` of PostgreSQL, with its pool.
 *
 * @since 3.0.0
 * @category models
 */
export interface PgClient extends SqlClient.SqlClient {
  /** The pool, with its statistics, events and holders. */
  readonly pool: ConnectionPool<PgConnection, SqlError>

  /** Makes a value a parameter of type `json` or `jsonb`. */
  readonly json: (value: unknown) => Statement.Fragment

  /**
   * Listens to a channel, and emits the text of each notification. Each stream keeps a connection of the pool to
   * itself for as long as it runs, so count them in `maxConnections`. Afterwards the connection stops to listen and
   * returns to the pool.
   *
   * Fails with `SqlError` if there is no connection, if the connection ends, and if 65,536 notifications wait for a slow
   * reader. Those that are sent until `Stream.retry` listens again are lost.
   */
  readonly listen: (channel: string) => Stream.Stream<string, SqlError>

  /** Notifies the listeners of a channel; within a transaction, when it commits. Fails as a statement does. */
  readonly notify: (channel: string, payload: string) => Effect.Effect<void, SqlError>
}

/**
 * The service of a program with one database. `layer` provides it.
 *
 * @example
 * ```ts
 * import { Pg } from "@socketpool/sql"
 * import { Effect } from "effect"
 *
 * const openConnections = Effect.flatMap(Pg.PgClient, (sql) => sql.pool.size)
 * ```
 *
 * @since 3.0.0
 * @category services
 */
export const PgClient = Context.GenericTag<PgClient>("@socketpool/sql/PgClient")

/**
 * The options of a client: where the server is, how to log in, how names and values are translated, and those of the
 * pool. The driver sets the rest: by its environment variables, such as `PGHOST`, or its defaults.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options extends OfPool {
  /**
   * Names the server in one text: `postgres://user:password@host:port/database?sslmode=verify-full`. Messages never show
   * it.
   */
  readonly url?: string | Redacted.Redacted

  /** Names the server: a host name, an IP address, or the folder of a Unix socket. Default: `"localhost"`. */
  readonly host?: string

  /** Sets the port, from 1 to 65535. Default: 5432. */
  readonly port?: number

  /** Encrypts the connections: `true`, or options of `tls.connect`. Default: `false`, or as the URL says. */
  readonly ssl?: NonNullable<ClientConfig["ssl"]>

  /** Names the database. Default: the user's name. */
  readonly database?: string

  /** Names the user. Default: that of the process. */
  readonly username?: string

  /** Sets the password. Use `driver.password` for one that must be fetched. Default: none. */
  readonly password?: Redacted.Redacted

  /** Names the connections in `pg_stat_activity`. Default: `"@socketpool/sql"`. */
  readonly applicationName?: string

  /** Sets how the driver parses values, by type. Default: the driver's parsers. */
  readonly types?: CustomTypesConfig

  /** Passes further settings to the driver's `Client`. Their names and units are the driver's. Default: none. */
  readonly driver?: DriverOptions

  /** Translates names of columns in results, such as to camel case. Default: as they are. */
  readonly transformResultNames?: (name: string) => string

  /** Translates identifiers in statements, such as to snake case. Default: as they are. */
  readonly transformQueryNames?: (name: string) => string

  /** Translates names within JSON values as well. Default: true. */
  readonly transformJson?: boolean

  /**
   * Limits the connections. The sum over all processes must stay below the server's `max_connections`, which is 100
   * unless it is set. Default: 10.
   */
  readonly maxConnections?: number

  /**
   * Limits how long an interrupted statement may take to end. The interrupt sends a cancel request and waits; if the
   * statement has not ended by then, its connection closes. More than 0. Default: 1 second.
   */
  readonly cancelTimeout?: Duration.DurationInput
}

/**
 * Settings of the driver's `Client` that this package passes on. Times are in milliseconds.
 *
 * @since 3.0.0
 * @category models
 */
export interface DriverOptions {
  /** Fetches the password for each connection, such as a token that expires. In place of `password`. */
  readonly password?: () => string | Promise<string>
  /** Makes the socket, such as one through a tunnel. A cancel request makes one, too. */
  readonly stream?: NonNullable<ClientConfig["stream"]>
  /** Sets parameters of the session, such as `-c search_path=app`. */
  readonly options?: string
  /** Has the server end a statement that takes longer. */
  readonly statement_timeout?: number
  /** Has the server end a statement that waits longer for a lock. */
  readonly lock_timeout?: number
  /** Has the server end a connection that is idle for longer within a transaction. */
  readonly idle_in_transaction_session_timeout?: number
  /** Has the system probe a silent connection. */
  readonly keepAlive?: boolean
  /** Sets the silence before the first probe. */
  readonly keepAliveInitialDelayMillis?: number
  /** Binds the login to the TLS connection, where the server offers it. */
  readonly enableChannelBinding?: boolean
  /** Begins with TLS at once, with `"direct"`, which PostgreSQL 17 understands. */
  readonly sslnegotiation?: "postgres" | "direct"
}

/**
 * Makes the compiler of PostgreSQL's dialect, for a `SqlClient` of another driver, with names that are translated.
 *
 * @example
 * ```ts
 * import { Pg } from "@socketpool/sql"
 * import { String } from "effect"
 *
 * const compiler = Pg.makeCompiler(String.camelToSnake)
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const makeCompiler = (
  transform?: (name: string) => string,
  transformJson = true
): Statement.Compiler => Compiler.makeCompiler(transform, transformJson)

const keep = Effect.succeed("keep" as const)

/** A connection in order stays, also after an interruption. A statement in flight is cancelled by another fiber. */
const settle = (session: Session): Effect.Effect<"keep" | "discard"> =>
  session.isClean
    ? keep
    : Effect.map(session.cancel, () => session.isClean ? "keep" : "discard")

const makePool = ({ attributes, name, pool, target }: Settings) =>
  Pool.make<Session, SqlError>({
    ...pool as object,
    name,
    attributes: { ...attributes, ...pool.attributes },
    open: open(target),
    isConnected: (session) => session.isConnected,
    closed: (session) => session.ended,
    validate: ({ sql }) => Effect.as(sql.executeUnprepared("SELECT 1", [], undefined), true),
    onRelease: settle,
    isFatal
  })

/**
 * Makes a client that closes with the scope. It never fails, and opens nothing until the first statement, unless
 * `minConnections` is set. A wrong option is a defect (`RangeError`) that names the option, the value and the rule.
 *
 * A statement fails with `SqlError`. Its `cause` is the driver's error, or the pool's: `PoolExhaustedError` when no
 * connection became available within `acquireTimeout`, with the names of the longest holders, or `PoolClosedError`.
 *
 * An interrupt cancels the statement at the server and waits for its end, at most `cancelTimeout`. Then the connection
 * is free for the next caller. One that is still busy, or in a transaction, never reaches another caller: it closes.
 *
 * @example
 * ```ts
 * import { Reactivity } from "@effect/experimental"
 * import { Pg } from "@socketpool/sql"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const sql = yield* Pg.make({ url: "postgres://app@localhost/orders", maxConnections: 4 })
 *   return yield* sql<{ readonly id: number }>`select id from orders where state = ${"open"}`
 * })
 *
 * const orders = program.pipe(Effect.scoped, Effect.provide(Reactivity.layer))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<PgClient, never, Scope.Scope | Reactivity.Reactivity> =>
  Effect.suspend(() => {
    const settings = resolve("Pg.make", options)
    const { transformJson, transformQueryNames, transformResultNames } = settings.options
    return Effect.gen(function*() {
      const pool = yield* makePool(settings)
      const acquirer = Acquirer.make(pool, ({ sql }) => sql)
      const transformRows = transformResultNames === undefined
        ? undefined
        : Statement.defaultTransforms(transformResultNames, transformJson).array
      const client = yield* SqlClient.make({
        acquirer,
        compiler: Compiler.makeCompiler(transformQueryNames, transformJson),
        ...clientOptions,
        spanAttributes: Object.entries({ ...settings.attributes, ...settings.pool.attributes }),
        ...(transformRows !== undefined && { transformRows })
      })
      return Object.assign(client, {
        pool,
        json,
        listen: listen(pool),
        notify: (channel: string, payload: string) => Effect.asVoid(client`select pg_notify(${channel}, ${payload})`)
      })
    })
  })

/**
 * The error of a layer that is built with `failFast`.
 *
 * @since 3.0.0
 * @category models
 */
export type FailFast<F extends boolean> = PoolLayer.FailFast<F, SqlError | ConnectTimeoutError>

type Provided = PgClient | SqlClient.SqlClient

const makeAlone = (options: Options) => Effect.provide(make(options), Reactivity.layer)

const withSqlClient = <E>(layer: Layer.Layer<PgClient, E>): Layer.Layer<Provided, E> =>
  Layer.provideMerge(Layer.effect(SqlClient.SqlClient, PgClient), layer)

/**
 * Makes the client as a layer, which provides `SqlClient` as well; it closes with the layer. Building it never fails,
 * unless `failFast` is set. A wrong option is a defect.
 *
 * @example
 * ```ts
 * import { SqlClient } from "@effect/sql"
 * import { Pg } from "@socketpool/sql"
 * import { Effect } from "effect"
 *
 * const program = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`select 1 as one`)
 *
 * const DatabaseLive = Pg.layer({ host: "localhost", database: "orders", failFast: true })
 *
 * const provided = Effect.provide(program, DatabaseLive)
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layer = <F extends boolean = false>(
  options: Options & PoolLayer.Options<F> = {} as Options & PoolLayer.Options<F>
): Layer.Layer<Provided, FailFast<F>> =>
  withSqlClient(PoolLayer.clientLayerOf(PgClient, makeAlone, options) as Layer.Layer<PgClient, FailFast<F>>)

/**
 * Makes the client as a layer, with options that come from a configuration: a `Config` of all, or an object of
 * `Config`s.
 *
 * @example
 * ```ts
 * import { Pg } from "@socketpool/sql"
 * import { Config } from "effect"
 *
 * const DatabaseLive = Pg.layerConfig({ url: Config.redacted("DATABASE_URL") })
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layerConfig = <F extends boolean = false>(
  config: Config.Config.Wrap<Options>,
  options?: PoolLayer.Options<F>
): Layer.Layer<Provided, ConfigError.ConfigError | FailFast<F>> =>
  withSqlClient(
    PoolLayer.clientLayerConfigOf(
      PgClient,
      makeAlone,
      optionsOf<Options>("Pg.layerConfig", table, config),
      options
    ) as Layer.Layer<
      PgClient,
      ConfigError.ConfigError | FailFast<F>
    >
  )
