/**
 * LDAP through `ldapts`: one pool for searches, and one that checks passwords.
 *
 * A bind decides who everybody is that uses the connection after it. So the connections of the first pool bind when they
 * open and never again, and those of the second one serve binds alone. A client of `ldapts` that has lost its connection
 * would connect again and search as nobody: `isConnected` keeps such a client from being lent.
 */
import { type BorrowError, Pool } from "@socketpool/core"
import { Data, Effect, Redacted } from "effect"
import { Client, type Entry, InvalidCredentialsError, type SearchOptions } from "ldapts"

/** The directory has refused a request, or the connection is lost. */
export class LdapError extends Data.TaggedError("LdapError")<{ readonly message: string; readonly cause: unknown }> {}

const attempt = <A>(about: string, run: () => Promise<A>): Effect.Effect<A, LdapError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new LdapError({ message: `${about}: ${cause instanceof Error ? cause.message : cause}`, cause })
  })

export interface Options {
  readonly url: string
  /** The name and the password that searches are made with. */
  readonly user: string
  readonly password: Redacted.Redacted
  readonly maxConnections?: number
}

const connect = (url: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new Client({ url, connectTimeout: 5_000, timeout: 10_000 })),
    (client) => Effect.ignore(attempt("unbind", () => client.unbind()))
  )

const bind = (client: Client, user: string, password: Redacted.Redacted) =>
  attempt("bind", () => client.bind(user, Redacted.value(password)))

const connectAs = ({ password, url, user }: Options) =>
  Effect.tap(connect(url), (client) => bind(client, user, password))

/** Searches and password checks against one directory. */
export const makeLdap = (options: Options) =>
  Effect.gen(function*() {
    const { maxConnections = 4, url } = options
    const searches = yield* Pool.make({
      name: "ldap",
      maxConnections,
      // A directory answers several requests of one connection, by their numbers.
      concurrency: 8,
      open: connectAs(options),
      isConnected: (client) => client.isConnected,
      // The root of the directory, which everybody may read.
      validate: (client) => Effect.as(attempt("validate", () => client.search("", { scope: "base" })), true),
      validateAfterIdle: "30 seconds"
    })
    const checks = yield* Pool.make({
      name: "ldap-passwords",
      maxConnections,
      // A client connects with its first bind, and again with the next one if it has lost its connection.
      open: connect(url),
      idleTimeout: "1 minute"
    })
    return {
      searches,
      checks,
      search: (base: string, options: SearchOptions): Effect.Effect<ReadonlyArray<Entry>, LdapError | BorrowError> =>
        Effect.map(
          searches.use((client) => attempt("search", () => client.search(base, options))),
          ({ searchEntries }) => searchEntries
        ),
      /** Returns whether this is the password. An empty one never is: the directory would take it for no login at all. */
      isPassword: (dn: string, password: Redacted.Redacted): Effect.Effect<boolean, LdapError | BorrowError> =>
        Redacted.value(password) === ""
          ? Effect.succeed(false)
          : checks.use((client) => Effect.as(bind(client, dn, password), true)).pipe(
            Effect.catchTag(
              "LdapError",
              (error) => error.cause instanceof InvalidCredentialsError ? Effect.succeed(false) : Effect.fail(error)
            )
          )
    }
  })
