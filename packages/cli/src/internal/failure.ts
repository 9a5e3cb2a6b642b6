/** How a command ends when not all is well. */
import * as Data from "effect/Data"

/**
 * What the process says when it ends.
 *
 * - `wrong`: what was run or looked at is not in order.
 * - `usage`: an option or an argument breaks its rule.
 * - `unreachable`: nobody answers there.
 * - `interrupted`: Ctrl-C.
 */
export const exitCodes = { ok: 0, wrong: 1, usage: 2, unreachable: 3, interrupted: 130 } as const

export class Failure extends Data.TaggedError("Failure")<{
  readonly kind: Exclude<keyof typeof exitCodes, "ok" | "interrupted">
  readonly message: string
}> {}

export const wrong = (message: string): Failure => new Failure({ kind: "wrong", message })
export const usage = (message: string): Failure => new Failure({ kind: "usage", message })
export const unreachable = (message: string): Failure => new Failure({ kind: "unreachable", message })

/** What went wrong, as far as it is counted: the kind of an error, and the reason if it has one. */
const kindOf = (error: object): string => {
  const { _tag, reason } = error as { readonly _tag?: string; readonly reason?: string }
  return [_tag ?? "Error", reason].filter(Boolean).join(" ")
}

/** Counts one more of a kind. */
export const tally = (counts: Map<string, number>, error: object): void => {
  const kind = kindOf(error)
  counts.set(kind, (counts.get(kind) ?? 0) + 1)
}
