/** Sends mails over pooled SMTP connections: STARTTLS and AUTH at the open, RSET after each mail, QUIT at the end. */
import { type Connection, type ConnectionError, Framing } from "@socketpool/core"
import { TlsPool } from "@socketpool/node"
import { Data, Effect, Redacted } from "effect"

/** The server has answered, but not as it should. */
export class Refused extends Data.TaggedError("Refused")<{ readonly reply: string }> {}

type Mail = Readonly<Record<"from" | "to" | "text", string>>
type Failure = Refused | ConnectionError | Framing.FramingError

/** Reads all lines of a reply. */
const reply = (connection: Connection, code: string): Effect.Effect<string, Failure> =>
  Effect.flatMap(Framing.text(Framing.over(connection, Framing.lines())).recv, (line) =>
    line[3] === "-"
      ? reply(connection, code)
      : line.startsWith(code)
      ? Effect.succeed(line)
      : new Refused({ reply: line }))

const ask = (connection: Connection, command: string, code = "250") =>
  Effect.andThen(Framing.over(connection, Framing.lines()).send(command), reply(connection, code))

const hello = (connection: Connection) => ask(connection, "EHLO client.example")

type Options = TlsPool.Options<Failure> & { readonly user: string; readonly password: Redacted.Redacted }

export const mailer = ({ password, user, ...options }: Options) =>
  Effect.map(
    TlsPool.make({
      ...options,
      // The server speaks first.
      startTls: (plain) =>
        reply(plain, "220").pipe(Effect.andThen(hello(plain)), Effect.andThen(ask(plain, "STARTTLS", "220"))),
      handshake: (connection) => {
        const login = Buffer.from(`\0${user}\0${Redacted.value(password)}`).toString("base64")
        return Effect.andThen(hello(connection), ask(connection, `AUTH PLAIN ${login}`, "235"))
      },
      // A refusal is a whole answer: it costs no connection. RSET forgets a mail that was begun.
      isReply: (error) => error instanceof Refused,
      onRelease: (connection) =>
        ask(connection, "RSET").pipe(Effect.as("default" as const), Effect.orElseSucceed(() => "discard" as const)),
      farewell: (connection) => ask(connection, "QUIT", "221")
    }),
    (pool) => ({
      pool,
      send: ({ from, text, to }: Mail) =>
        pool.use((connection) =>
          ask(connection, `MAIL FROM:<${from}>`).pipe(
            Effect.andThen(ask(connection, `RCPT TO:<${to}>`)),
            Effect.andThen(ask(connection, "DATA", "354")),
            Effect.andThen(connection.send(text.replace(/\r?\n/g, "\r\n").replace(/^\./gm, "..") + "\r\n.\r\n")),
            Effect.andThen(reply(connection, "250"))
          )
        )
    })
  )
