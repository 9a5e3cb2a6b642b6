/** The handshake of a connection: the version of the protocol, the user, and the database. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { isRedisError, type RedisError } from "../RedisError.js"
import { ErrorReply, type Message } from "./message.js"
import { errorOf } from "./replies.js"
import { type Argument, type Request, request } from "./request.js"

export interface Login {
  readonly username: string | undefined
  readonly password: Redacted.Redacted | undefined
  readonly clientName: string | undefined
  readonly database: number
  /** The version of the protocol. */
  readonly version: 2 | 3
}

type Ask<E> = (request: Request) => Effect.Effect<Message, E>

/** Servers older than version 6, and some proxies, do not know `HELLO`. */
const knowsNoHello = (reply: ErrorReply): boolean => /^NOPROTO|unknown command|unsupported command/i.test(reply.text)

/**
 * Makes a connection ready. A server that knows no `HELLO` is spoken to in version 2 of the protocol.
 */
export const handshake = <E>(
  ask: Ask<E>,
  { clientName, database, password, username, version }: Login
): Effect.Effect<void, E | RedisError> => {
  const secret = password === undefined ? undefined : Redacted.value(password)
  const send = (name: string, ...args: ReadonlyArray<Argument>) => ask(request("Redis", name, args))
  const must = (name: string, ...args: ReadonlyArray<Argument>) =>
    Effect.flatMap(
      send(name, ...args),
      (reply) => reply instanceof ErrorReply ? Effect.fail(errorOf(reply, name)) : Effect.void
    )

  const withoutHello = Effect.gen(function*() {
    if (secret !== undefined) yield* must("AUTH", ...username === undefined ? [secret] : [username, secret])
    if (clientName !== undefined) yield* must("CLIENT", "SETNAME", clientName)
  })
  const login = secret === undefined ? [] : ["AUTH", username ?? "default", secret]
  const named = clientName === undefined ? [] : ["SETNAME", clientName]
  return Effect.gen(function*() {
    const hello = yield* send("HELLO", version, ...login, ...named)
    if (hello instanceof ErrorReply) {
      if (!knowsNoHello(hello)) return yield* Effect.fail(errorOf(hello, "HELLO"))
      yield* withoutHello
    }
    if (database !== 0) yield* must("SELECT", database)
  })
}

/** Whether every further login would fail as well, and might lock the account. */
export const isFatal = (error: unknown): boolean =>
  isRedisError(error, "WRONGPASS", "NOAUTH") || (isRedisError(error) && error.command === "AUTH")
