import { firstError, hasInterrupts } from "@socketpool/test-seam"
import { Cause, type Exit, Option } from "effect"
import type { Books } from "./books.js"
import { OpenDefect } from "./connector.js"
import type { Borrower, Failure } from "./facts.js"

/** The reason that a borrower without a connection was told. */
export const refused = (books: Books, borrower: Borrower, exit: Exit.Exit<unknown, unknown>): void => {
  books.overdue()
  if (exit._tag === "Success") return books.problem(`borrower ${borrower.id} ended without a connection`)
  const wrong = misjudged(books, borrower, exit.cause)
  if (wrong !== undefined) books.problem(`borrower ${borrower.id} ${wrong}: ${Cause.pretty(exit.cause)}`)
}

const misjudged = (books: Books, borrower: Borrower, cause: Cause.Cause<unknown>): string | undefined => {
  if (hasInterrupts(cause)) {
    books.cancelled++
    if (books.crowded) books.seesNothing()
    return borrower.interrupted ? undefined : "was interrupted by nobody"
  }
  const error = Option.getOrUndefined(firstError(cause)) ?? Cause.squash(cause)
  const tag = (error as { readonly _tag?: string })._tag
  if (error instanceof OpenDefect) return blamed(books, borrower, (failure) => failure.attempt === error.attempt)
  switch (tag) {
    case "OpenFailure": {
      const { attempt } = error as { readonly attempt: number }
      return blamed(books, borrower, (failure) => failure.attempt === attempt)
    }
    case "ConnectTimeoutError":
      return blamed(books, borrower, (failure) => failure.how === "timed out")
    case "PoolClosedError":
      return books.closing ? undefined : "was told that the pool is closed"
    case "PoolExhaustedError":
      return exhausted(books, borrower, error as { readonly reason: string; readonly waitedMillis: number })
    default:
      return "got an outcome that nobody expects"
  }
}

/**
 * Each failed open is told to one borrower; the last one also to those whose time is over and who had no attempt. A
 * fatal one is told to all whom only a new connection could serve while opens pause.
 */
const blamed = (
  books: Books,
  borrower: Borrower,
  isThis: (failure: Failure) => boolean
): string | undefined => {
  const index = books.failures.findIndex(isThis)
  const { lastFailure, now, round } = books
  const isPause = books.pause.isFor(isThis, now, round)
  if (index < 0) {
    if (lastFailure !== undefined && isThis(lastFailure) && now >= borrower.since + borrower.timeout) return undefined
    if (isPause) {
      books.strands(borrower)
      return undefined
    }
  }
  if (isPause) books.paused = borrower
  borrower.beside = false
  books.attended.push(borrower)
  if (index < 0) return "was told of an open that did not fail, or that another was told of"
  books.failures.splice(index, 1)
  return undefined
}

const exhausted = (
  books: Books,
  borrower: Borrower,
  error: { readonly reason: string; readonly waitedMillis: number }
): string | undefined => {
  const waited = books.now - borrower.since
  books.exhausted++
  if (Math.abs(error.waitedMillis - waited) > 1) return `waited ${waited} ms and not ${error.waitedMillis}`
  switch (error.reason) {
    case "Timeout":
      books.timedOut++
      return waited >= borrower.timeout && (borrower.timeout > 0 || borrower.moved)
        ? undefined
        : `timed out after ${waited} ms`
    case "NoWait":
      if (borrower.timeout > 0) return "was not let wait"
      if (books.isStandstill && !books.crowded) return "was not told why opens pause"
      return borrower.choice && !books.crowded ? "was turned away though there was an idle connection" : undefined
    case "QueueFull":
      if (borrower.ahead < books.setting.maxPending && !books.crowded) return "found the queue full"
      if (books.isStandstill && !books.crowded) return "was not told why opens pause"
      return borrower.choice && !books.crowded ? "was turned away though there was an idle connection" : undefined
    case "SelfDeadlock":
      return books.crowded || books.waitsForItself(borrower) ? undefined : "would not have waited for itself"
    default:
      return `failed with ${error.reason}`
  }
}
