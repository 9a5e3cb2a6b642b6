/**
 * A budget that several processes share, on a store of your own.
 *
 * @since 3.0.0
 */
import type { Budget } from "@socketpool/core/Budget"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BudgetUnavailable } from "./BudgetUnavailable.js"
import { make as made } from "./internal/keeper.js"

/**
 * The options of every budget of a fleet. A wrong option is a defect that names the option, the value and the rule.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options {
  /** Names the budget: the processes that give the same name, in the same store, share it. */
  readonly name: string

  /**
   * The number of places of all processes together. At least 1. Where processes differ, as during a rolling deploy, the
   * smallest number of those that are alive counts.
   */
  readonly maxConnections: number

  /** Names this process among the holders. Default: the host's name, the process's number and some letters. */
  readonly holder?: string

  /**
   * Keeps the places of a silent process for this time in a store that does not notice a death by itself. Each process
   * writes to the store three times in this time. It is also the time after which a process that cannot reach the store
   * is `Lost`. More than 0. Default: 10 seconds.
   */
  readonly ttl?: Duration.DurationInput

  /**
   * Withholds the places of a process that has died for this time. A server may still see the connections of a process
   * that is gone, and a process whose connection to the store was cut may come back. 0 or more. Default: 1 second.
   */
  readonly reclaimDelay?: Duration.DurationInput

  /**
   * Leaves a place without use with its process for this time: one that no connection takes up, or, while another
   * process waits, one whose connection is idle. 0 or more. Default: 250 milliseconds.
   */
  readonly linger?: Duration.DurationInput

  /** Does the same as this option of `Budget.make`, among the pools of this process. Default: 1 second. */
  readonly reclaimAfter?: Duration.DurationInput

  /**
   * Decides what happens once the store has not been reached for `ttl`, or for three quarters of `reclaimDelay` where
   * the store notices a lost connection by itself. `"keep"`: connections stay, and no other is opened. `"shed"`: idle
   * connections close now, and leased ones when they come back, because others may get their places. Default: `"keep"`.
   */
  readonly onLost?: "keep" | "shed"

  /**
   * Decides how many connections a process opens that cannot reach the store. `"closed"`: nothing, and `make` fails.
   * `{ open: 3 }`: up to three connections, above the limit if need be. Default: `"closed"`.
   */
  readonly whenUnavailable?: "closed" | { readonly open: number }

  /**
   * The places that this process can always have. Others never get them, so the reserves of all processes together must
   * not be more than `maxConnections`. Default: 0.
   */
  readonly reserve?: number
}

/**
 * The report of a process to the store.
 *
 * @since 3.0.0
 * @category advanced
 */
export interface Report {
  /** The places that it takes up or may take up. They are a fact: a store must not answer with less. */
  readonly held: number
  /** Those that it does not want to lose. */
  readonly busy: number
  /** The places that it wants beyond those. */
  readonly wanted: number
  /** The places that all processes together may have, for its part. */
  readonly limit: number
  readonly reserve: number
  /** Whether it is the first one: only then the store may refuse it for its reserve. */
  readonly isFirst: boolean
}

/**
 * The answer of the store.
 *
 * @since 3.0.0
 * @category advanced
 */
export interface Answer {
  /** The places that the process may take up now: what it has told, and what it is granted. */
  readonly held: number
  /** The number of them that it must give back, as soon as it can. */
  readonly shed: number
  /** The places that others want and have not got. */
  readonly othersWant: number
  /** The places that all processes together may have. */
  readonly limit: number
  readonly holders: ReadonlyArray<{
    readonly holder: string
    readonly held: number
    readonly wanted: number
    readonly isDead: boolean
  }>
  /** The time until asking again may give more, in milliseconds; `Infinity` if nothing changes by itself. */
  readonly waitMillis: number
}

/**
 * One process's connection to the store of a budget.
 *
 * @since 3.0.0
 * @category advanced
 */
export interface Store {
  /** The name in messages, such as `Redis`. */
  readonly name: string
  /**
   * Tells the store and asks it, in one atomic step: the places of the dead come free, what is free is granted, and the
   * holders of too much learn of it. One call runs at a time. It connects again if need be.
   *
   * A call whose answer is lost, or that runs late, must do no harm: the store ignores what is older than what it knows.
   */
  readonly sync: (report: Report) => Effect.Effect<Answer, BudgetUnavailable>
  /** Takes the process out of the store, which has given back all its places. */
  readonly leave: Effect.Effect<void, BudgetUnavailable>
  /** The longest time that a call may take, in milliseconds. After it the call is interrupted. */
  readonly timeoutMillis: number
  /** Whether others notice it when the connection of this process is cut. */
  readonly noticesCuts: boolean
}

/**
 * Opens the store for one process. `signal` may be called at any time: with `"News"` when others want places or have
 * given some back, and with `"Cut"` when the connection of this process has gone, also if a call fails because of it.
 *
 * @since 3.0.0
 * @category advanced
 */
export type Connect = (
  holder: string,
  signal: (signal: "News" | "Cut") => void
) => Effect.Effect<Store, BudgetUnavailable, Scope.Scope>

/**
 * Makes a budget on a store of your own. `RedisBudget` and `PostgresBudget` are made of it.
 *
 * It asks the store at once when its pools begin to want places, otherwise at most each 100 ms, never more than 10 times
 * a second, and at least three times in `ttl`. Where more than 10 processes share the budget, the 100 ms become 10 ms for
 * each of them. A lease asks nothing. Fails with `BudgetUnavailable` if the first answer
 * does not come. Closing the scope gives all places back; close the pools before.
 *
 * @example
 * ```ts
 * import { FleetBudget } from "@socketpool/fleet"
 * import { Effect } from "effect"
 *
 * // The store of a fleet of one.
 * const alone = FleetBudget.make({ name: "database", maxConnections: 8 }, (holder) =>
 *   Effect.succeed({
 *     name: "nothing",
 *     sync: ({ held, limit, wanted }) => {
 *       const all = Math.min(limit, held + wanted)
 *       const holders = [{ holder, held: all, wanted: held + wanted - all, isDead: false }]
 *       return Effect.succeed({ held: all, shed: 0, othersWant: 0, limit, holders, waitMillis: Infinity })
 *     },
 *     leave: Effect.void,
 *     timeoutMillis: 1_000,
 *     noticesCuts: false
 *   }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = (
  options: Options,
  connect: Connect
): Effect.Effect<Budget, BudgetUnavailable, Scope.Scope> =>
  Effect.suspend(() => made("FleetBudget.make", options, connect))
