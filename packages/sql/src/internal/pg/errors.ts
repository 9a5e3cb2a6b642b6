/** The errors of PostgreSQL and its driver, with what to do about them. */
import type { SqlError } from "@effect/sql/SqlError"
import { line } from "@socketpool/core/Checks"
import { causeOf, isSqlError, sqlErrorOf } from "../effect.js"
import { textOf } from "../errors.js"

/** An error that the server has reported. */
interface ServerError {
  /** The SQLSTATE. */
  readonly code: string
  readonly message: string
  readonly severity: string
  readonly hint?: string
  readonly constraint?: string
}

const isServerError = (error: unknown): error is ServerError =>
  error instanceof Error && "severity" in error && "code" in error && typeof error.code === "string"

/** The SQLSTATE of the server's error behind one of ours. */
export const codeOf = (error: unknown): string | undefined => {
  const cause = isSqlError(error) ? causeOf(error) : error
  return isServerError(cause) ? cause.code : undefined
}

const openAdvice: Record<string, string> = {
  "28P01": "Check username and password.",
  "28000": "Check username and password, and pg_hba.conf of the server.",
  "3D000": "Check the name of the database.",
  "53300": "Lower maxConnections, or raise max_connections of the server.",
  "57P03": "The server starts or stops: try again later."
}

/** Whether the server may take a connection in later. */
const isPassing = (code: string): boolean => code === "53300" || code === "57P03" || code.startsWith("08")

/** Every further attempt would fail as well, and the server may lock an account out: a login, or no such database. */
export const isFatal = (error: unknown): boolean => ["28P01", "28000", "3D000"].includes(codeOf(error) ?? "")

export const openError = (cause: unknown, address: string): SqlError => {
  const code = codeOf(cause)
  const known = code === undefined
    ? "Check the host and the port, and that the server runs."
    : openAdvice[code] ?? "See the server's log."
  const what = code === undefined ? textOf(cause) : `${textOf(cause)} (${code})`
  return sqlErrorOf({
    cause,
    code,
    isUnsent: code === undefined || isPassing(code),
    message: `No connection to PostgreSQL at ${address}: ${what}. ${known}`
  })
}

const statementAdvice: Record<string, string> = {
  "25P02": "Roll the transaction back, or run what may fail in a nested withTransaction.",
  "40001": "Run the whole transaction again.",
  "40P01": "Run the whole transaction again.",
  "57P01": "An administrator has ended the connection: run it again only if that does no harm."
}

const sentence = (text: string): string => /[.!?]$/.test(text) ? text : `${text}.`

export const statementError = (cause: unknown): SqlError => {
  const code = codeOf(cause)
  if (code === undefined) return lost(cause)
  const { constraint, hint } = cause as ServerError
  const advice = statementAdvice[code] ?? (hint === undefined ? undefined : sentence(`Hint: ${line(hint)}`))
  const what = `PostgreSQL refuses the statement: ${textOf(cause)} (${code}).`
  return sqlErrorOf({ cause, code, constraint, message: advice === undefined ? what : `${what} ${advice}` })
}

/** A value that the driver could not send, or a result that it could not read. */
export const driverError = (cause: unknown): SqlError =>
  sqlErrorOf({
    cause,
    message: sentence(`The driver could not send the statement, or not read its result: ${textOf(cause)}`)
  })

/** The connection ended while a statement was on its way. */
const lost = (cause: unknown): SqlError =>
  sqlErrorOf({
    cause,
    message: `The connection to PostgreSQL failed while a statement ran: ${textOf(cause)}. The statement may have ` +
      "taken effect: run it again only if that does no harm."
  })

const own = (message: string, cause: unknown = new Error(message)): SqlError => sqlErrorOf({ cause, message })

/** The connection had ended before the statement was sent. */
export const ended = (cause: unknown): SqlError =>
  sqlErrorOf({
    cause,
    isUnsent: true,
    message:
      `The connection to PostgreSQL has ended, and the statement was not sent: ${textOf(cause)}. A transaction ` +
      "that it had is rolled back; run it again from its beginning."
  })

export const streaming = (): SqlError =>
  own(
    "A stream is being read on the connection of this transaction, and a connection runs one statement at a time. " +
      "Read the stream to its end first, or run the statement outside the transaction."
  )

/** The server answers `COMMIT` of a failed transaction with `ROLLBACK`, and not with an error. */
export const rolledBack = (): SqlError =>
  own(
    "The transaction was not committed: a statement in it had failed, so that the server has rolled it back. Run what " +
      "may fail in a nested withTransaction, or let its error end the transaction."
  )

export const behind = (channel: string, most: number): SqlError =>
  own(
    `The stream of ${JSON.stringify(channel)} is ${most} notifications behind and ends, so that none is dropped ` +
      "unnoticed. Read it faster, or hand the notifications to a queue."
  )

export const stopped = (channel: string, cause: unknown): SqlError =>
  own(
    `The connection that listened to ${JSON.stringify(channel)} has ended: ${
      textOf(cause)
    }. Notifications from now on ` +
      "are lost until the stream is retried.",
    cause
  )
