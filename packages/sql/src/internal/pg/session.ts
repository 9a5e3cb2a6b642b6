/** One connection to PostgreSQL: what it is in the middle of, and how it gets out of it. */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { Client, type ClientConfig, type QueryResult } from "pg"
import type { PgConnection } from "../../Pg.js"
import { async, connectionOf, recover } from "../effect.js"
import { cancelRequest, type Inner, wireOf } from "./cancel.js"
import * as Errors from "./errors.js"
import { rowStream } from "./rows.js"

type Transform = Parameters<Connection["execute"]>[2]

/** The settings by which a session is opened and cancels. */
export interface Target {
  readonly config: ClientConfig
  /** The server in errors. */
  readonly address: string
  /** The most time that an interrupted statement has to end, in milliseconds. */
  readonly cancelTimeout: number
}

/** The time that a cancelled statement has before the next request, in milliseconds. */
const askAgainAfter = 100

/** A statement that takes its turn. */
export interface Task {
  readonly start: () => void
}

type Result = QueryResult | ReadonlyArray<QueryResult>

/** A text with several statements has several results. */
const isSeveral = (result: Result): result is ReadonlyArray<QueryResult> => Array.isArray(result)

const rowsOf = (result: Result): ReadonlyArray<any> =>
  isSeveral(result) ? result.map(({ rows }) => rows ?? []) : result.rows ?? []

export class Session implements PgConnection {
  readonly sql: Connection = connectionOf({
    execute: (sql, params, transformRows) => this.rows(sql, params, transformRows),
    executeUnprepared: (sql, params, transformRows) => this.rows(sql, params, transformRows),
    executeRaw: (sql, params) => this.query(sql, params),
    executeValues: (sql, params) => Effect.map(this.query(sql, params, "array"), rowsOf),
    executeStream: (sql, params, transformRows) => rowStream(this, sql, params, transformRows)
  })

  /** The reason why the connection can no longer be used. */
  private end: { readonly cause: unknown } | undefined
  /** `I` is outside a transaction, `T` within one, `E` within one that has failed. */
  private transaction: "I" | "T" | "E" = "I"
  /** The statement that is in flight: until the server is ready for the next one. */
  private current: Task | undefined
  /** Whether it has failed, so that the server is about to be ready. */
  private hasFailed = false
  /** Those that wait, in order. Several fibers may share a transaction. */
  private readonly queue: Array<Task> = []
  /** Whether a cancel request may still reach the backend. Nothing is sent meanwhile. */
  private isCancelling = false
  /** The streams that are open, or wait for their turn. */
  private streams = 0
  private readonly watchers = new Set<() => void>()

  constructor(readonly client: Client, private readonly target: Target) {
    wireOf(client).on("readyForQuery", ({ status }) => {
      this.transaction = status
      this.current = undefined
      this.hasFailed = false
      this.tell()
      this.next()
    })
    wireOf(client).on("errorMessage", () => {
      this.hasFailed = true
    })
    client.on("error", (error) => this.endWith(error))
    client.on("end", () => this.endWith(new Error("the server closed it")))
  }

  // --- State --------------------------------------------------------------------------------------------------------

  /** Whether it is there, as far as this side knows. */
  get isConnected(): boolean {
    return this.end === undefined
  }

  /** The reason why it is no longer there. */
  get endedBy(): unknown {
    return this.end?.cause
  }

  /** Whether a statement is in flight. One that somebody sends through `client` counts as well. */
  private get isBusy(): boolean {
    return this.current !== undefined || (this.client as Inner).readyForQuery === false
  }

  /** Whether the next holder finds it as a new one: nothing in flight, and no transaction. */
  get isClean(): boolean {
    return this.end === undefined && !this.isBusy && !this.isCancelling && this.transaction === "I" &&
      this.streams === 0 && this.queue.length === 0
  }

  /** Calls `watcher` whenever the server has become ready or the connection has ended. Returns how to stop that. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher)
    return () => {
      this.watchers.delete(watcher)
    }
  }

  private tell(): void {
    for (const watcher of [...this.watchers]) watcher()
  }

  private endWith(cause: unknown): void {
    if (this.end !== undefined) return
    this.end = { cause }
    this.tell()
    this.next()
  }

  /** Closes it at once, whatever it is in the middle of. */
  destroy(why: string): void {
    this.endWith(new Error(why))
    wireOf(this.client).stream.destroy()
  }

  private until(isSo: () => boolean): Effect.Effect<void> {
    return async<void>((resume) => {
      if (isSo()) return resume(Effect.void)
      const stop = this.watch(() => {
        if (!isSo()) return
        stop()
        resume(Effect.void)
      })
      return Effect.sync(stop)
    })
  }

  /** Completes when the connection has ended. */
  readonly ended: Effect.Effect<void> = this.until(() => this.end !== undefined)

  /** Completes when nothing is in flight. */
  private readonly settled: Effect.Effect<void> = this.until(() => !this.isBusy || this.end !== undefined)

  // --- Turns --------------------------------------------------------------------------------------------------------

  /** Starts a task as soon as nothing is in flight. After the end of the connection it starts in order to fail. */
  enter(task: Task): void {
    this.queue.push(task)
    this.next()
  }

  private next(): void {
    while (this.queue.length > 0 && (this.end !== undefined || !this.isBusy && !this.isCancelling)) {
      const task = this.queue.shift()!
      if (this.end === undefined) this.current = task
      task.start()
    }
  }

  /** Withdraws a task whose turn has not come. Ends the one that is in flight. */
  leave(task: Task): Effect.Effect<void> {
    return Effect.suspend(() => {
      const at = this.queue.indexOf(task)
      if (at >= 0) this.queue.splice(at, 1)
      return this.current === task ? this.cancel : Effect.void
    })
  }

  isInFlight(task: Task): boolean {
    return this.current === task && this.end === undefined
  }

  // --- Interruption -------------------------------------------------------------------------------------------------

  /** Closes the connection unless an effect completes with `true` in time. */
  private inTime(effect: Effect.Effect<boolean>, why: string): Effect.Effect<void> {
    // The fiber may be one that cannot be interrupted, and an effect that is late must be.
    return Effect.flatMap(
      Effect.timeoutOption(Effect.interruptible(effect), this.target.cancelTimeout),
      (isInTime) => Effect.sync(() => Option.contains(isInTime, true) ? undefined : this.destroy(why))
    )
  }

  /**
   * Ends what is in flight. Afterwards the server is ready for the next statement, or the connection has ended.
   *
   * A cancel request names a backend, not a statement, so it must never arrive late: then it would end the next
   * statement. So both must have happened before anything else is sent: the server has closed the connection of the
   * request, and the statement has ended.
   */
  readonly cancel: Effect.Effect<void> = Effect.suspend(() => {
    const { processID, secretKey } = this.client as Inner
    if (this.isCancelling) return this.until(() => !this.isCancelling)
    if (!this.isBusy || this.end !== undefined) return Effect.void
    if (this.hasFailed) return this.finish
    this.isCancelling = true
    const request = processID === null || secretKey === null
      ? Effect.succeed(false)
      : cancelRequest(this.target.config, { processID, secretKey })
    const waits = Effect.map(Effect.timeoutOption(this.settled, askAgainAfter), Option.isSome)
    // A request that arrives before its statement is ignored. Only one that has been answered is followed by another.
    const ask: Effect.Effect<boolean> = Effect.flatMap(request, (isAnswered) =>
      isAnswered ?
        Effect.flatMap(waits, (isSettled) => isSettled ? Effect.succeed(true) : ask) :
        Effect.succeed(false))
    return Effect.andThen(
      this.inTime(ask, "an interrupted statement did not end in time"),
      Effect.sync(() => {
        this.isCancelling = false
        this.tell()
        this.next()
      })
    )
  }).pipe(Effect.uninterruptible)

  /** Waits for the end of what has been told to end. */
  readonly finish: Effect.Effect<void> = Effect.suspend(() =>
    this.isBusy && this.end === undefined
      ? this.inTime(Effect.as(this.settled, true), "what had ended was not over in time")
      : Effect.void
  )

  // --- Statements ---------------------------------------------------------------------------------------------------

  private query(text: string, params: ReadonlyArray<unknown>, rowMode?: "array"): Effect.Effect<Result, SqlError> {
    return async<Result, SqlError>((resume) => {
      // The stream's reader may be the one that waits for this statement.
      if (this.streams > 0) return resume(Effect.fail(Errors.streaming()))
      let outcome: Effect.Effect<Result, SqlError> | undefined
      // An error comes before the server is ready for the next statement.
      const look = () => {
        if (outcome === undefined || this.isInFlight(task)) return
        stop()
        resume(outcome)
      }
      const stop = this.watch(look)
      const task: Task = {
        start: () => {
          if (this.end !== undefined) {
            outcome = Effect.fail(Errors.ended(this.end.cause))
            return look()
          }
          const config = { text, values: [...params], ...(rowMode && { rowMode }) }
          this.client.query<any>(
            config as any,
            ((error: unknown, result: Result) => {
              outcome ??= error ? Effect.fail(this.errorOf(error)) : Effect.succeed(result)
              look()
            }) as any
          )
        }
      }
      this.enter(task)
      return Effect.andThen(Effect.sync(stop), this.leave(task))
    })
  }

  /** An error that neither the server nor the socket has made is the driver's: of a value that it cannot send. */
  errorOf(error: unknown): SqlError {
    return Errors.codeOf(error) === undefined && this.end === undefined && !this.client.connection.stream.destroyed
      ? Errors.driverError(error)
      : Errors.statementError(error)
  }

  private rows(
    sql: string,
    params: ReadonlyArray<unknown>,
    transformRows: Transform
  ): Effect.Effect<ReadonlyArray<any>, SqlError> {
    const run = Effect.flatMap(
      this.query(sql, params),
      (result) =>
        sql === "COMMIT" && !isSeveral(result) && result.command === "ROLLBACK"
          ? Effect.fail(Errors.rolledBack())
          : Effect.succeed(rowsOf(result))
    )
    // The server rolls back a transaction whose connection ends. `SqlClient` takes a failure to roll back for a defect,
    // in place of the error that ended the transaction.
    const whole = !/^ROLLBACK( TO SAVEPOINT \w+)?$/.test(sql) ?
      run :
      recover(run, (error) => this.end === undefined ? Effect.fail(error) : Effect.succeed([]))
    return transformRows === undefined ? whole : Effect.map(whole, transformRows)
  }

  /** Counts a stream until the scope closes, so that no statement waits for it. */
  readonly asStream: Effect.Effect<void, never, Scope.Scope> = Effect.acquireRelease(
    Effect.sync(() => {
      this.streams++
    }),
    () =>
      Effect.sync(() => {
        this.streams--
      })
  )

  // --- Life ---------------------------------------------------------------------------------------------------------

  /** Says goodbye, or closes at once what is in the middle of something. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => this.cancel).pipe(
    Effect.andThen(Effect.suspend(() => {
      if (this.end !== undefined) return Effect.sync(() => wireOf(this.client).stream.destroy())
      const gone = async<boolean>((resume) => {
        this.client.end(() => resume(Effect.succeed(true)))
      })
      return this.inTime(gone, "the server did not close it in time")
    }))
  )
}

/** Opens a connection, which closes with the scope. */
export const open = (target: Target): Effect.Effect<Session, SqlError, Scope.Scope> =>
  Effect.flatMap(Effect.sync(() => new Client(target.config)), (client) => {
    let session: Session | undefined
    // Without a listener an error of a connection that nobody uses would end the process.
    client.on("error", () => {})
    const close = Effect.suspend(() => {
      if (session !== undefined) return session.close
      return Effect.sync(() => wireOf(client).stream.destroy())
    })
    const connect = async<Session, SqlError>((resume) => {
      client.connect((error: unknown) => {
        if (error) return resume(Effect.fail(Errors.openError(error, target.address)))
        session = new Session(client, target)
        resume(Effect.succeed(session))
      })
    })
    return Effect.andThen(Effect.addFinalizer(() => close), connect)
  })
