/**
 * FTP through `basic-ftp`: one transfer at a time on each connection, and the working directory goes back to the root.
 */
import { Pool } from "@socketpool/core"
import { Client } from "basic-ftp"
import { Data, Effect, Exit, Redacted } from "effect"
import { Readable, Writable } from "node:stream"

/** The server has refused a command, or the connection is lost. */
export class FtpError extends Data.TaggedError("FtpError")<{ readonly message: string; readonly cause: unknown }> {}

const attempt = <A>(about: string, run: () => Promise<A>): Effect.Effect<A, FtpError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new FtpError({ message: `${about}: ${cause instanceof Error ? cause.message : cause}`, cause })
  })

export interface Options {
  readonly host: string
  readonly port?: number
  readonly user: string
  readonly password: Redacted.Redacted
  /** FTP over TLS. Without it the password goes over the network in clear text. Default: true. */
  readonly secure?: boolean
  readonly maxConnections?: number
}

const open = ({ host, password, port = 21, secure = true, user }: Options) =>
  Effect.gen(function*() {
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => new Client(10_000)),
      (client) => Effect.sync(() => client.close())
    )
    yield* attempt("access", () => client.access({ host, port, user, password: Redacted.value(password), secure }))
    return client
  })

/** A pool of FTP connections. */
export const makeFtp = (options: Options) =>
  Effect.map(
    Pool.make({
      name: `ftp://${options.host}`,
      // Many servers allow a user few connections.
      maxConnections: options.maxConnections ?? 2,
      open: open(options),
      isConnected: (client) => !client.closed,
      // Servers close idle control connections, often after a minute or two.
      idleTimeout: "45 seconds",
      validate: (client) => Effect.as(attempt("noop", () => client.send("NOOP")), true),
      // A holder may have changed the working directory. A transfer that failed leaves the rest to chance.
      onRelease: (client, exit) =>
        Exit.isFailure(exit)
          ? Effect.succeed("discard" as const)
          : attempt("cd", () => client.cd("/")).pipe(
            Effect.as("default" as const),
            Effect.orElseSucceed(() => "discard" as const)
          )
    }),
    (pool) => ({
      pool,
      upload: (path: string, bytes: Uint8Array) =>
        pool.use((client) => attempt("upload", () => client.uploadFrom(Readable.from([bytes]), path))),
      download: (path: string) =>
        pool.use((client) => {
          const chunks: Array<Buffer> = []
          const sink = new Writable({
            write: (chunk: Buffer, _encoding, done) => {
              chunks.push(chunk)
              done()
            }
          })
          return Effect.map(
            attempt("download", () => client.downloadTo(sink, path)),
            (): Uint8Array => Buffer.concat(chunks)
          )
        })
    })
  )
