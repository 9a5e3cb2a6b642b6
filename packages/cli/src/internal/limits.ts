/** The connection limits that a server reports in its own protocol. */
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectionError } from "@socketpool/core/ConnectionError"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { failAfter } from "./effect.js"

export const protocols = ["redis", "memcached"] as const
export type Protocol = typeof protocols[number]

export interface Limits {
  /** The most connections that the server allows. */
  readonly most: number
  /** The connections that it has now. */
  readonly now: number
  /** The time after which it closes an idle connection, in milliseconds; undefined if it does not. */
  readonly idleMillis: number | undefined
}

/** The server does not answer, or not in this protocol. */
export class NoLimits extends Data.TaggedError("NoLimits")<{ readonly message: string }> {}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const line = (connection: Connection) => Effect.map(connection.recvUntil("\n", { maxBytes: 10_000 }), text)

/** The most bytes of an answer that are read. */
const mostBytes = 1_000_000

const field = (answer: string, pattern: RegExp, problem: string): Effect.Effect<number, NoLimits> => {
  const found = pattern.exec(answer)?.[1]
  return found === undefined ? new NoLimits({ message: `${problem}.` }) : Effect.succeed(Number(found))
}

/** https://redis.io/docs/latest/commands/info/ */
const redis = (connection: Connection) =>
  Effect.gen(function*() {
    const info = (section: string) =>
      Effect.gen(function*() {
        yield* connection.send(`INFO ${section}\r\n`)
        const head = yield* line(connection)
        const length = yield* field(head, /^\$(\d+)/, `it answers INFO ${section} with ${head.trim()}`)
        if (length > mostBytes) return yield* new NoLimits({ message: `its answer has ${length} bytes.` })
        return text(yield* connection.recvExactly(length + 2))
      })
    const clients = yield* info("clients")
    yield* connection.send("CONFIG GET timeout\r\n")
    const head = yield* line(connection)
    const seconds = head.startsWith("*2")
      ? yield* Effect.map(
        Effect.all([line(connection), line(connection), line(connection), line(connection)]),
        (lines) => Number(lines[3])
      )
      : 0
    return {
      most: yield* field(clients, /^maxclients:(\d+)/m, "its answer has no maxclients"),
      now: yield* field(clients, /^connected_clients:(\d+)/m, "its answer has no connected_clients"),
      idleMillis: seconds > 0 ? seconds * 1_000 : undefined
    }
  })

/** https://github.com/memcached/memcached/blob/master/doc/protocol.txt */
const memcached = (connection: Connection) =>
  Effect.gen(function*() {
    const stats = (section: string) =>
      Effect.gen(function*() {
        yield* connection.send(`stats${section}\r\n`)
        return text(yield* connection.recvUntil("END\r\n", { maxBytes: mostBytes }))
      })
    const settings = yield* stats(" settings")
    const seconds = Number(/STAT idle_timeout (\d+)/.exec(settings)?.[1] ?? 0)
    return {
      most: yield* field(settings, /STAT maxconns (\d+)/, "its answer has no maxconns"),
      now: yield* field(yield* stats(""), /STAT curr_connections (\d+)/, "its answer has no curr_connections"),
      idleMillis: seconds > 0 ? seconds * 1_000 : undefined
    }
  })

export const readLimits = (
  protocol: Protocol,
  connection: Connection
): Effect.Effect<Limits, ConnectionError | NoLimits> =>
  failAfter(protocol === "redis" ? redis(connection) : memcached(connection), {
    duration: "2 seconds",
    onTimeout: () => new NoLimits({ message: "no answer within 2 seconds." })
  })
