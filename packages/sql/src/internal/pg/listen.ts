/** Notifications of a channel as a stream. */
import type { SqlError } from "@effect/sql/SqlError"
import type { ConnectionPool } from "@socketpool/core/ConnectionPool"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { escapeIdentifier, type Notification } from "pg"
import { inbox, recover, scopedStream } from "../effect.js"
import { sqlError } from "../errors.js"
import { behind, stopped } from "./errors.js"
import type { Session } from "./session.js"

/** The notifications that are kept for a slow reader. */
export const mostBehind = 65_536

export const listen = (pool: ConnectionPool<Session, SqlError>) => (channel: string): Stream.Stream<string, SqlError> =>
  scopedStream(Effect.gen(function*() {
    const session = yield* Effect.mapError(pool.exclusive, sqlError)
    const { client, sql } = session
    const { fail, offer, stream } = yield* inbox<string, SqlError>(mostBehind)
    const onNotification = (one: Notification) => {
      if (one.channel !== channel) return
      if (!offer(one.payload ?? "")) fail(behind(channel, mostBehind))
    }
    const name = escapeIdentifier(channel)
    const unwatch = session.watch(() => {
      if (!session.isConnected) fail(stopped(channel, session.endedBy))
    })
    client.on("notification", onNotification)
    yield* Effect.addFinalizer(() => {
      unwatch()
      const unlisten = recover(
        sql.executeUnprepared(`UNLISTEN ${name}`, [], undefined),
        () => Effect.sync(() => session.destroy("it could not stop to listen"))
      )
      return Effect.ensuring(unlisten, Effect.sync(() => client.off("notification", onNotification)))
    })
    yield* sql.executeUnprepared(`LISTEN ${name}`, [], undefined)
    return stream
  }))
