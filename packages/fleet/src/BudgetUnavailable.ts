/**
 * The error of a budget that a process cannot join.
 *
 * @since 3.0.0
 */
import * as Data from "effect/Data"

/**
 * The store refuses a process, or cannot be reached. Only `make` and its layers fail with it; later on, the budget
 * publishes `Lost` and tries again.
 *
 * - `Unreachable`: the store gave no answer. `cause` says why.
 * - `Incompatible`: the store holds a budget of this name that another version of this library has made.
 * - `Reserve`: the reserves of all processes together are more than the budget has.
 * - `Pooled`: a pooler gives each statement to another session of the server. The budget needs one of its own.
 *
 * @since 3.0.0
 * @category errors
 */
export class BudgetUnavailable extends Data.TaggedError("BudgetUnavailable")<{
  readonly budget: string
  readonly reason: "Unreachable" | "Incompatible" | "Reserve" | "Pooled"
  /** The store, for messages: `Redis` or `PostgreSQL`. */
  readonly store: string
  /** The message of the store. */
  readonly detail?: string
  readonly cause?: unknown
}> {
  override get message(): string {
    const detail = this.detail === undefined ? "" : `: ${this.detail}`
    const what = {
      Unreachable: `cannot reach ${this.store}${detail}. Check that it runs, and the address and the login`,
      Incompatible:
        `${this.store} holds a budget of this name that another version of this library has made${detail}. ` +
        "Give it another name, or stop the processes that use it",
      Reserve: `the reserves of all processes are more than the budget has${detail}. Lower reserve, or raise ` +
        "maxConnections",
      Pooled:
        `a pooler stands before ${this.store} and changes the session${detail}. Connect to the server itself, or ` +
        "to a pool in session mode"
    }[this.reason]
    return `Budget ${JSON.stringify(this.budget)}: ${what}.`
  }
}
