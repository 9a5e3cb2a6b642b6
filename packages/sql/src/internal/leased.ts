/** A connection as its holder sees it: for one lease, and not longer. */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { valuesUnprepared } from "./effect.js"
import { afterLease } from "./errors.js"

type Transform = Parameters<Connection["execute"]>[2]

export class LeasedConnection implements Connection {
  private connection: Connection | undefined

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** Statements from now on fail: the connection may be somebody else's. */
  readonly end = Effect.sync(() => {
    this.connection = undefined
  })

  execute(sql: string, params: ReadonlyArray<unknown>, transformRows: Transform) {
    return this.with((connection) => connection.execute(sql, params, transformRows))
  }

  executeRaw(sql: string, params: ReadonlyArray<unknown>) {
    return this.with((connection) => connection.executeRaw(sql, params))
  }

  executeStream(sql: string, params: ReadonlyArray<unknown>, transformRows: Transform) {
    return Stream.suspend((): Stream.Stream<any, SqlError> =>
      this.connection === undefined
        ? Stream.fail(afterLease())
        : this.connection.executeStream(sql, params, transformRows)
    )
  }

  executeValues(sql: string, params: ReadonlyArray<unknown>) {
    return this.with((connection) => connection.executeValues(sql, params))
  }

  executeValuesUnprepared(sql: string, params: ReadonlyArray<unknown>) {
    return this.with((connection) => valuesUnprepared(connection, sql, params))
  }

  executeUnprepared(sql: string, params: ReadonlyArray<unknown>, transformRows: Transform) {
    return this.with((connection) => connection.executeUnprepared(sql, params, transformRows))
  }

  private with<A>(f: (connection: Connection) => Effect.Effect<A, SqlError>): Effect.Effect<A, SqlError> {
    return Effect.suspend(() => this.connection === undefined ? Effect.fail(afterLease()) : f(this.connection))
  }
}
