/** Notifications of a channel as a stream. */
import type { SqlError } from "@effect/sql/SqlError"
import type { ConnectionPool } from "@socketpool/core/ConnectionPool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Mailbox from "effect/Mailbox"
import * as Stream from "effect/Stream"
import { escapeIdentifier, type Notification } from "pg"
import { sqlError } from "../errors.js"
import { behind, stopped } from "./errors.js"
import type { Session } from "./session.js"

/** The notifications that are kept for a slow reader. */
export const mostBehind = 65_536

export const listen = (pool: ConnectionPool<Session, SqlError>) => (channel: string): Stream.Stream<string, SqlError> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const session = yield* Effect.mapError(pool.exclusive, sqlError)
    const { client, sql } = session
    const mailbox = yield* Mailbox.make<string, SqlError>({ capacity: mostBehind, strategy: "dropping" })
    const fail = (error: SqlError) => mailbox.unsafeDone(Exit.fail(error))
    const onNotification = (one: Notification) => {
      if (one.channel !== channel) return
      if (!mailbox.unsafeOffer(one.payload ?? "")) fail(behind(channel, mostBehind))
    }
    const name = escapeIdentifier(channel)
    const unwatch = session.watch(() => {
      if (!session.isConnected) fail(stopped(channel, session.endedBy))
    })
    client.on("notification", onNotification)
    yield* Effect.addFinalizer(() => {
      unwatch()
      const unlisten = Effect.catchAll(
        sql.executeUnprepared(`UNLISTEN ${name}`, [], undefined),
        () => Effect.sync(() => session.destroy("it could not stop to listen"))
      )
      return Effect.ensuring(unlisten, Effect.sync(() => client.off("notification", onNotification)))
    })
    yield* sql.executeUnprepared(`LISTEN ${name}`, [], undefined)
    return Mailbox.toStream(mailbox)
  }))
