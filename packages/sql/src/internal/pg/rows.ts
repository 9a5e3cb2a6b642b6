/** The rows of a statement as a stream: a cursor, of which a part is read at a time. */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import Cursor from "pg-cursor"
import { async, batches, scopedStream } from "../effect.js"
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
    const turn = async<void, SqlError>((resume) => {
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
  readonly read: Effect.Effect<ReadonlyArray<any>, Option.Option<SqlError>> = async((resume) => {
    const { cursor, session } = this
    if (this.isOver) return resume(Effect.fail(Option.none()))
    let isAnswered = false
    let isInterrupted = false
    cursor.read(batch, (error, rows) => {
      isAnswered = true
      this.isOver = error !== undefined && error !== null || rows.length < batch
      // The server has answered before the cancel request came: it waits for the next read, and nothing is cancelled.
      if (isInterrupted) return this.stop()
      if (error) return resume(Effect.fail(Option.some(session.errorOf(error))))
      resume(rows.length === 0 ? Effect.fail(Option.none()) : Effect.succeed(rows))
    })
    return Effect.suspend(() => {
      isInterrupted = true
      if (!isAnswered) return session.leave(this.task)
      // The fiber is interrupted before it has seen the answer: nothing runs that could be cancelled.
      this.stop()
      return session.finish
    })
  })
}

export const rowStream = (
  session: Session,
  sql: string,
  params: ReadonlyArray<unknown>,
  transformRows: Parameters<Connection["executeStream"]>[2]
): Stream.Stream<any, SqlError> =>
  scopedStream(Effect.gen(function*() {
    yield* session.asStream
    const cursor = yield* Effect.try({ try: () => new Cursor(sql, [...params]), catch: driverError })
    const reader = new Reader(session, cursor)
    yield* reader.open
    return batches(Effect.map(reader.read, (rows) => transformRows === undefined ? rows : transformRows(rows)))
  }))
