/** The login that `bench` and `doctor` do on each new connection, and the answers of a text protocol. */
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectionError } from "@socketpool/core/ConnectionError"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type Failure, usageError } from "./failure.js"

export interface Options {
  readonly handshake: string | undefined
  readonly handshakeAnswer: string | undefined
  readonly passwordEnv: string | undefined
}

/** The server's answer is not the one that was expected. */
export class WrongAnswer extends Data.TaggedError("WrongAnswer")<{ readonly reason: string }> {
  override get message(): string {
    return `the server answered ${JSON.stringify(this.reason)}`
  }
}

export type Login = (connection: Connection) => Effect.Effect<void, ConnectionError | WrongAnswer>

const replacements: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", "\\": "\\" }

/** Puts in the characters that the escapes `\r`, `\n`, `\t` and `\\` stand for: a shell leaves them alone. */
export const unescaped = (text: string): string =>
  text.replace(/\\([rnt\\])/g, (_, escape: string) => replacements[escape]!)

/**
 * The starts of lines with which text protocols report an error: Redis and POP3, memcached, SMTP, FTP and NNTP, HTTP.
 */
const errorLine = /^(?:-[A-Z]+\b|(?:ERROR|CLIENT_ERROR|SERVER_ERROR)\b|[45]\d\d[ -]|HTTP\/1\.[01] [45])/

/** Returns whether a line has the expected start. Without one it must not look like an error. */
export const isExpected = (line: string, start: string | undefined): boolean =>
  start === undefined ? !errorLine.test(line) : line.startsWith(start)

/** The most characters of a wrong answer that are reported. */
const shown = 80

export const wrongAnswer = (line: string): WrongAnswer =>
  new WrongAnswer({ reason: line.length <= shown ? line : `${line.slice(0, shown)}...` })

/** Reads a line of at most a megabyte, without its end. */
export const readLine = (connection: Connection): Effect.Effect<string, ConnectionError> =>
  Effect.map(
    connection.recvUntil("\n", { maxBytes: 1_000_000 }),
    (bytes) => new TextDecoder().decode(bytes).replace(/\r?\n$/, "")
  )

/** The place of the password in the text of `--handshake`. */
const placeholder = "{password}"

const passwordOf = (
  { handshake, passwordEnv }: Options,
  env: Readonly<Record<string, string | undefined>>
): Effect.Effect<Redacted.Redacted<string> | undefined, Failure> => {
  const hasPlace = handshake?.includes(placeholder) === true
  if (passwordEnv === undefined) {
    return hasPlace
      ? usageError(`--handshake contains ${placeholder}: name the variable of the password with --password-env`)
      : Effect.succeed(undefined)
  }
  if (!hasPlace) return usageError(`--password-env requires a --handshake that contains ${placeholder}`)
  if (!/^[a-z_][a-z\d_]*$/i.test(passwordEnv)) {
    // Perhaps it is the password itself.
    return usageError("--password-env must be the name of an environment variable, not the password")
  }
  const password = env[passwordEnv]
  if (password === undefined || password === "") {
    return usageError("--password-env must name an environment variable that is set, and the named one is not")
  }
  // A line break would end the line of the handshake too early.
  return /\p{Cc}/u.test(password)
    ? usageError(`The password in the environment variable ${passwordEnv} must not contain control characters`)
    : Effect.succeed(Redacted.make(password))
}

/**
 * Makes the login from its options: it sends `--handshake` and reads a line for each line that it sends, at least one.
 * Each must have the expected start. No error repeats the password, even if the server does.
 */
export const make = (
  options: Options,
  env: Readonly<Record<string, string | undefined>>
): Effect.Effect<Login | undefined, Failure> =>
  Effect.gen(function*() {
    const { handshake, handshakeAnswer } = options
    const password = yield* passwordOf(options, env)
    if (handshake === undefined) {
      return handshakeAnswer === undefined ? undefined : yield* usageError("--handshake-answer requires --handshake")
    }
    const secret = password === undefined ? "" : Redacted.value(password)
    const request = unescaped(handshake).replaceAll(placeholder, () => secret)
    const lines = Math.max(1, request.split("\n").length - 1)
    const readAnswer = (connection: Connection) =>
      Effect.filterOrFail(
        readLine(connection),
        (line) => isExpected(line, handshakeAnswer),
        (line) => wrongAnswer(secret === "" ? line : line.replaceAll(secret, "***"))
      )
    return (connection) =>
      Effect.andThen(
        connection.send(request),
        Effect.replicateEffect(readAnswer(connection), lines, { discard: true })
      )
  })
