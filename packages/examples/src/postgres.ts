/** Sessions of PostgreSQL for simple queries. A session that a borrower returns forgets what it was told. */
import { type Connection, type ConnectionError, Framing } from "@socketpool/core"
import { TcpPool } from "@socketpool/node"
import { Data, Effect } from "effect"

export class DatabaseError extends Data.TaggedError("DatabaseError")<{ readonly message: string }> {}

type Failure = DatabaseError | ConnectionError | Framing.FramingError
type Row = ReadonlyArray<string | null>
type Options = TcpPool.Options<Failure> & { readonly user: string }

/** A letter, a length that counts itself, and a body. The first message has no letter. */
const framing = Framing.lengthPrefixed({ bytes: 4, offset: 1, includesItself: true, maxBytes: 1_048_576 })
const startup = Framing.lengthPrefixed({ bytes: 4, includesItself: true })

/** The columns of a row, each after its length; -1 stands for null. */
const rowOf = (frame: Uint8Array): Row => {
  const bytes = Buffer.from(frame)
  let at = 3
  return Array.from({ length: bytes.readInt16BE(1) }, () => {
    const size = bytes.readInt32BE(at)
    at += 4 + Math.max(0, size)
    return size < 0 ? null : bytes.toString("utf8", at - size, at)
  })
}

/** Reads until the server is ready for the next query. Its errors come before that. */
const answer = (connection: Connection): Effect.Effect<ReadonlyArray<Row>, Failure> =>
  Effect.gen(function*() {
    const rows: Array<Row> = []
    let error: DatabaseError | undefined
    for (;;) {
      const frame = yield* Framing.over(connection, framing).recv
      const text = Buffer.from(frame).toString()
      if (text[0] === "D") rows.push(rowOf(frame))
      if (text[0] === "E") {
        error = new DatabaseError({ message: /\0M(.*?)\0/s.exec(text)![1]! })
        // Nothing else comes after a refused login.
        if (text.includes("SFATAL\0")) return yield* error
      }
      if (text[0] === "Z") return error === undefined ? rows : yield* error
    }
  })

export const query = (connection: Connection, sql: string) =>
  Effect.andThen(Framing.over(connection, framing).send(Buffer.from(`Q${sql}\0`)), answer(connection))

export const sessions = ({ user, ...at }: Options) =>
  TcpPool.make({
    ...at,
    handshake: (connection) =>
      Effect.andThen(Framing.over(connection, startup).send(`\0\x03\0\0user\0${user}\0\0`), answer(connection)),
    isReply: (error) => error instanceof DatabaseError,
    onRelease: (connection) =>
      Effect.match(Effect.andThen(query(connection, "ROLLBACK"), query(connection, "DISCARD ALL")), {
        onFailure: () => "discard" as const,
        onSuccess: () => "default" as const
      }),
    farewell: (connection) => Framing.over(connection, framing).send("X")
  })
