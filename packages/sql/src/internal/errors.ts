/** Turns errors into `SqlError`s. */
import type { SqlError } from "@effect/sql/SqlError"
import { line } from "@socketpool/core/Checks"
import { isSqlError, sqlErrorOf } from "./effect.js"

/** The text of an error. One that has several attempts behind it may have an empty message. */
export const textOf = (error: unknown): string => {
  const { code, message } = Object(error) as { readonly code?: unknown; readonly message?: unknown }
  if (typeof message === "string" && message !== "") return line(message)
  return typeof code === "string" && code !== "" ? line(code) : line(String(error))
}

/** Whether a pool may have a connection later, where it had none. A fiber that waits for itself always will. */
const isPassing = (error: unknown): boolean => {
  const { _tag, reason } = Object(error) as { readonly _tag?: unknown; readonly reason?: unknown }
  return _tag === "PoolExhaustedError" ? reason !== "SelfDeadlock" : _tag === "ConnectTimeoutError"
}

/** Returns the error itself if it is a `SqlError`, and otherwise one with the error as `cause`. */
export const sqlError = (error: unknown): SqlError =>
  isSqlError(error)
    ? error
    : sqlErrorOf({
      cause: error,
      isUnsent: isPassing(error),
      // The errors of a pool say what to do; their links are too long for `line`.
      message: error instanceof Error && error.message !== "" ? error.message : textOf(error)
    })

/** A connection was used after its lease had ended. */
export const afterLease = (): SqlError => {
  const message = "The connection was used after its lease had ended: another caller may have it. Use it within the " +
    "scope, or within the transaction, that it was taken in."
  return sqlErrorOf({ cause: new Error(message), message })
}
