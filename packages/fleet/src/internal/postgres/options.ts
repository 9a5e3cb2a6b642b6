/** The options of a budget in PostgreSQL. */
import { type Rule, rules } from "@socketpool/core/Checks"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { PgSession } from "../../PostgresBudget.js"
import { table as common } from "../options.js"

const { count, effect, optional, secret } = rules

/** Each place is an entry of the server's table of locks, which has some 6,400 by default. */
export const mostPlaces = 5_000

/** A URL may hold a password, so that its value is never shown. */
const urlRule: Rule<string> = secret((value, at) => {
  const bare = Redacted.isRedacted(value) ? Redacted.value(value) : value
  return typeof bare === "string" && /^postgres(ql)?:\/\//.test(bare) && URL.canParse(bare)
    ? bare
    : at.refuse(value, "postgres://user:password@host:port/database, as a string or a Redacted string")
})

export const table = common.with(
  { maxConnections: count(1, mostPlaces), url: optional(urlRule), connect: optional(effect) },
  ({ connect, url }, refuse) => {
    if (connect === undefined && url === undefined) refuse("url", url, "set where connect is left out")
    if (connect !== undefined && url !== undefined) refuse("connect", connect, "left out where url is set")
  }
)

export type Checked = ReturnType<typeof table.read>

/** Opens a session of the server. The driver is loaded only if it is used. */
export const sessionOf =
  ({ connect, url }: Checked) => (application: string): Effect.Effect<PgSession, unknown, Scope.Scope> =>
    connect !== undefined ?
      connect as Effect.Effect<PgSession, unknown, Scope.Scope> :
      Effect.flatMap(
        Effect.tryPromise({ try: () => import("./session.js"), catch: (error) => error }),
        ({ session }) => session(url!, application)
      )
