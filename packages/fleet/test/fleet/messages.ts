/** The messages between the processes of a fleet and the test. */
import type { BudgetUsage } from "@socketpool/core/BudgetModel"

/** A store as a worker reaches it. */
export interface StoreAddress {
  readonly kind: "Redis" | "PostgreSQL"
  readonly port: number
  /** The login; the server's default user if there is none. */
  readonly user?: string
}

/** The orders of a worker at its start. */
export interface WorkerConfig {
  readonly id: string
  readonly serverPort: number
  readonly store: StoreAddress
  readonly budget: string
  readonly limit: number
  readonly ttlMillis: number
  readonly onLost: "keep" | "shed"
  readonly reclaimMillis: number
  readonly reserve: number
  readonly whenUnavailable: "closed" | { readonly open: number }
  /** Whether it tries again, and does not end, if it cannot reach the store at its start. */
  readonly isPatient: boolean
  /** The number of fibers that lease, hold and give back, again and again. */
  readonly fibers: number
}

export type WorkerRequest =
  | { readonly _tag: "Fibers"; readonly fibers: number }
  | { readonly _tag: "Report" }
  /** The next call to the store is lost, as far as the worker knows. */
  | { readonly _tag: "LoseNextCall" }
  /** The call that was lost reaches the store after all. Redis only. */
  | { readonly _tag: "DeliverLostCall" }
  | { readonly _tag: "End" }

export interface WorkerReport {
  /** The time of the report by the worker's monotonic clock, in milliseconds. */
  readonly at: number
  readonly served: number
  /** The borrows that failed, by error. */
  readonly failed: Readonly<Record<string, number>>
  readonly opened: number
  readonly closed: number
  readonly usage: BudgetUsage
  /** The calls to the store so far. */
  readonly calls: number
  /** The sessions of the store on which a call was answered. */
  readonly sessions: number
  /** The most of them within one second. */
  readonly mostCallsInASecond: number
  /** The calls that were lost, whether they have been delivered since or not. */
  readonly lost: number
  /** The number of events of the budget, by tag. */
  readonly events: Readonly<Record<string, number>>
}

/** The orders of the counting server at its start. */
export interface CounterConfig {
  /** More connections than these are noted with their holders. */
  readonly limit: number
}

export type CounterRequest =
  | { readonly _tag: "Report" }
  | { readonly _tag: "Reset" }
  /** From now on, the server notices that connections of a client have ended only so long after. */
  | { readonly _tag: "NoticeLate"; readonly id: string; readonly millis: number }

export interface CounterReport {
  readonly open: number
  /** The most at once since the last reset. */
  readonly peak: number
  readonly opened: number
  readonly byId: Readonly<Record<string, number>>
  /** The holders and their counts at each moment with more than the limit. */
  readonly over: ReadonlyArray<string>
}
