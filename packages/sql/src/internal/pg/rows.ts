/** The rows of a statement as a stream: a cursor, of which a part is read at a time. */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import Cursor from "pg-cursor"
import { driverError, ended } from "./errors.js"
import type { Session, Task } from "./session.js"

/** The rows that one round trip brings. As many as `@effect/sql-pg` asks for. */
const batch = 128

/** A cursor on its connection until the scope closes. */
class Reader {
  /** After an error the cursor ends by itself, and after the last row it has ended. */
  private isOver = false
  private start: () => void = () => {}
  private readonly task: Task = { start: () => this.start() }

  constructor(private readonly session: Session, private readonly cursor: Cursor) {}

  /** Waits for its turn. */
  readonly open: Effect.Effect<void, SqlError, Scope.Scope> = Effect.suspend(() => {
    const { cursor, session, task } = this
    const turn = Effect.async<void, SqlError>((resume) => {
      this.start = () => {
        if (!session.isConnected) return resume(Effect.fail(ended(session.endedBy)))
        session.client.query(cursor)
        resume(Effect.void)
      }
      session.enter(task)
    })
    return Effect.andThen(Effect.addFinalizer(() => this.close), turn)
  })

  private readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { session, task } = this
    if (!session.isInFlight(task)) return session.leave(task)
    this.stop()
    return session.finish
  })

  private stop(): void {
    if (this.isOver) return
    this.isOver = true
    this.cursor.close(() => {})
  }

  /** The next rows, or `None` at the end. */
  readonly read: Effect.Effect<ReadonlyArray<any>, Option.Option<SqlError>> = Effect.async((resume) => {
    const { cursor, session } = this
    if (this.isOver) return resume(Effect.fail(Option.none()))
    let isInterrupted = false
    cursor.read(batch, (error, rows) => {
      this.isOver = error !== undefined && error !== null || rows.length < batch
      // The server has answered before the cancel request came: it waits for the next read, and nothing is cancelled.
      if (isInterrupted) return this.stop()
      if (error) return resume(Effect.fail(Option.some(session.errorOf(error))))
      resume(rows.length === 0 ? Effect.fail(Option.none()) : Effect.succeed(rows))
    })
    return Effect.suspend(() => {
      isInterrupted = true
      return session.leave(this.task)
    })
  })
}

export const rowStream = (
  session: Session,
  sql: string,
  params: ReadonlyArray<unknown>,
  transformRows: Parameters<Connection["executeStream"]>[2]
): Stream.Stream<any, SqlError> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    yield* session.asStream
    const cursor = yield* Effect.try({ try: () => new Cursor(sql, [...params]), catch: driverError })
    const reader = new Reader(session, cursor)
    yield* reader.open
    return Stream.repeatEffectChunkOption(
      Effect.map(
        reader.read,
        (rows) => Chunk.unsafeFromArray(transformRows === undefined ? rows : transformRows(rows))
      )
    )
  }))
