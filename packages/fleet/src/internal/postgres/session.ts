/** A session by the driver `pg`. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Client } from "pg"
import type { PgSession } from "../../PostgresBudget.js"
import { async } from "../effect.js"
import { inTime } from "../inTime.js"

/** The most time that the server has to accept a session, in milliseconds. */
const connectTimeout = 5_000

/** A server that does not answer to a good-bye keeps nobody waiting for longer than this. */
const endTimeout = 1_000

const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, unknown> =>
  Effect.tryPromise({ try: run, catch: (error) => error })

export const session = (url: string, application: string): Effect.Effect<PgSession, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const whenClosed = new Set<() => void>()
    let isClosed = false
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const client = new Client({
          connectionString: url,
          connectionTimeoutMillis: connectTimeout,
          keepAlive: true,
          application_name: application
        })
        const ended = () => {
          isClosed = true
          for (const done of whenClosed) done()
        }
        client.on("error", ended)
        client.on("end", ended)
        return client
      }),
      (client) => Effect.suspend(() => isClosed ? Effect.void : inTime(attempt(() => client.end()), endTimeout))
    )
    yield* attempt(() => client.connect())
    return {
      query: (sql, parameters) => Effect.map(attempt(() => client.query(sql, [...parameters])), ({ rows }) => rows),
      onNotification: (f) => {
        client.on("notification", ({ channel, payload }) => f(channel, payload ?? ""))
      },
      closed: async<void>((resume) => {
        const done = () => resume(Effect.void)
        if (isClosed) return done()
        whenClosed.add(done)
        return Effect.sync(() => whenClosed.delete(done))
      })
    }
  })
