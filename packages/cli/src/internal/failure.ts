/** The failures of a command, and the exit codes for them. */
import * as Data from "effect/Data"

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

export const runFailed = (message: string): Failure => new Failure({ kind: "failed", message })
export const usageError = (message: string): Failure => new Failure({ kind: "usage", message })
export const unreachable = (message: string): Failure => new Failure({ kind: "unreachable", message })

/** The key under which an error is counted: its tag, and its reason if it has one. */
const kindOf = (error: object): string => {
  const { _tag, reason } = error as { readonly _tag?: string; readonly reason?: string }
  return [_tag ?? "Error", reason].filter(Boolean).join(" ")
}

/** Counts one more error of its kind. */
export const tally = (counts: Map<string, number>, error: object): void => {
  const kind = kindOf(error)
  counts.set(kind, (counts.get(kind) ?? 0) + 1)
}
