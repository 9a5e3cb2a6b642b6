/** The failures of a command, and the exit codes for them. */
import * as Data from "effect/Data"
import { visible } from "./text.js"

/**
 * The exit codes of the process.
 *
 * - `failed`: a check or a call failed.
 * - `usage`: an option or an argument is invalid.
 * - `unreachable`: nothing answers at the address.
 * - `interrupted`: Ctrl-C.
 */
export const exitCodes = { ok: 0, failed: 1, usage: 2, unreachable: 3, interrupted: 130 } as const

export class Failure extends Data.TaggedError("Failure")<{
  readonly kind: Exclude<keyof typeof exitCodes, "ok" | "interrupted">
  readonly message: string
}> {}

const failure = (kind: Failure["kind"]) => (message: string): Failure =>
  new Failure({ kind, message: visible(message) })

export const runFailed = failure("failed")
export const usageError = failure("usage")
export const unreachable = failure("unreachable")

/** The key under which an error is counted: its tag, and its reason if it has one. */
export const kindOf = (error: object): string => {
  const { _tag, reason } = error as { readonly _tag?: string; readonly reason?: string }
  return [_tag ?? "Error", reason].filter(Boolean).join(" ")
}

/** The most kinds that are told apart: each wrong answer can be a kind of its own. */
const mostKinds = 20

/** Counts one more error of its kind. */
export const tally = (counts: Map<string, number>, error: object): void => {
  const kind = kindOf(error)
  const counted = counts.has(kind) || counts.size < mostKinds ? kind : "other errors"
  counts.set(counted, (counts.get(counted) ?? 0) + 1)
}
