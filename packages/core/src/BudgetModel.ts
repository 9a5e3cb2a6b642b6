/**
 * The types of a budget, without the code that makes one.
 *
 * @since 3.0.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"

/**
 * @since 3.0.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("@socketpool/core/Budget")

/**
 * @since 3.0.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * A number of places that pools share. A connection takes up a place from the decision to open it until its close has
 * finished, so the pools together never have more connections than the budget has places.
 *
 * Places follow demand. A free place goes to the pool that has the fewest for its weight, of those that want one. If
 * none is free, a pool gives one back: one with an idle connection, or else, when a lease of it ends, the pool with the
 * most for its weight. Nothing is taken below a pool's `minConnections`, and no lease is cut short.
 *
 * @since 3.0.0
 * @category models
 */
export interface Budget {
  readonly [TypeId]: TypeId
  readonly name: string
  /** The figures of the budget and of its pools, all of one moment. */
  readonly usage: Effect.Effect<BudgetUsage>
  /**
   * Sets the number of places. Connections above it close: idle ones now, leased ones when they come back. With 0 no
   * other is opened. A number that is not whole or less than 0 is a defect.
   */
  readonly resize: (maxConnections: number) => Effect.Effect<void>
  /** The events from the moment of subscription on. A slow subscriber loses the oldest of 1,024 events. */
  readonly events: Stream.Stream<BudgetEvent>
}

/**
 * The figures of a budget. With one that several processes share, `held`, `wanted` and `pools` are those of this
 * process.
 *
 * @since 3.0.0
 * @category models
 */
export interface BudgetUsage {
  /** The number of places; of all processes together, if several share them. */
  readonly limit: number
  /** The places that pools take up, or have been granted and will take up. */
  readonly held: number
  /** The places that pools want and have not got. */
  readonly wanted: number
  readonly pools: ReadonlyArray<BudgetShare>
  /** The processes that share it; absent in a budget of one process. */
  readonly fleet?: FleetUsage
}

/**
 * The processes that share a budget, as of the last answer of the store that it stands on.
 *
 * @since 3.0.0
 * @category models
 */
export interface FleetUsage {
  /** The name of this process among the holders. */
  readonly holder: string
  /** The places that this process may take up. */
  readonly granted: number
  /** The places that all processes take up or have been granted. */
  readonly held: number
  readonly holders: ReadonlyArray<FleetHolder>
  /** Whether the store cannot be reached, so that no place is granted. */
  readonly isLost: boolean
}

/**
 * One process that shares a budget.
 *
 * @since 3.0.0
 * @category models
 */
export interface FleetHolder {
  readonly holder: string
  readonly held: number
  readonly wanted: number
  /** Whether it has died, and its places are still withheld from others. */
  readonly isDead: boolean
}

/**
 * The part of one pool.
 *
 * @since 3.0.0
 * @category models
 */
export interface BudgetShare {
  /** The pool's name. */
  readonly pool: string
  readonly held: number
  readonly wanted: number
  readonly weight: number
}

/**
 * Something that happened to a budget. `pool` is a pool's name, and `at` the time in milliseconds since 1970.
 *
 * - `Granted`: a pool got a place.
 * - `Reclaimed`: a pool has to give a place back.
 * - `Starved`: a pool has wanted a place for longer than a second.
 * - `Lost`: the budget grants nothing more: it has closed, or the store of its places cannot be reached.
 * - `Regained`: the store of its places can be reached again.
 * - `LimitChanged`: the number of places of all processes has changed. It is the smallest that one of them has asked for.
 *
 * @since 3.0.0
 * @category models
 */
export type BudgetEvent =
  | { readonly _tag: "Granted"; readonly budget: string; readonly at: number; readonly pool: string }
  | { readonly _tag: "Reclaimed"; readonly budget: string; readonly at: number; readonly pool: string }
  | {
    readonly _tag: "Starved"
    readonly budget: string
    readonly at: number
    readonly pool: string
    readonly waitedMillis: number
  }
  | { readonly _tag: "Lost"; readonly budget: string; readonly at: number }
  | { readonly _tag: "Regained"; readonly budget: string; readonly at: number }
  | {
    readonly _tag: "LimitChanged"
    readonly budget: string
    readonly at: number
    readonly limit: number
    /** The number that this process asks for. */
    readonly own: number
  }

/**
 * The options of a budget. A wrong one is a defect that names the option, the value and the rule.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options {
  /** Names the budget in errors and events. Default: `budget`. */
  readonly name?: string

  /** The number of places. At least 1, and at least the sum of its pools' `minConnections`. */
  readonly maxConnections: number

  /**
   * A pool that has no more than its share keeps an idle connection for so long, although another pool wants its place.
   * Without that, pools that take turns would open a connection for every lease. 0 or more. Default: 1 second.
   */
  readonly reclaimAfter?: Duration.DurationInput
}

/**
 * The places that the pools of a budget have and want at one moment.
 *
 * @since 3.0.0
 * @category advanced
 */
export interface Demand {
  /** The places that they take up, or have been granted and will take up. */
  readonly held: number
  /** The places that they take up. */
  readonly places: number
  /** Those places without the connections that have been idle for long enough. */
  readonly busy: number
  /** The places that they want and have not got. */
  readonly wanted: number
  /** The time until another connection has been idle for long enough, in milliseconds; `Infinity` if none is idle. */
  readonly nextRestMillis: number
}

/**
 * The source of a budget's places, if that is not its own limit.
 *
 * @since 3.0.0
 * @category advanced
 */
export interface Source {
  /** Runs after each change of the demand, in the middle of a pool's work. It must return at once and not throw. */
  readonly onChange: () => void
  /** Whether `onChange` runs after each lease, too. A source that waits for idle connections wants that. */
  readonly isWatching: () => boolean
  /** Does what `resize` of the budget does. The number is whole, and at least 0. */
  readonly resize: (maxConnections: number) => Effect.Effect<void>
}
