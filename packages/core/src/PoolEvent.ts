/**
 * The events of a pool, as they happen.
 *
 * @since 0.1.0
 */
import type { LeaseHolder } from "./PoolLease.js"
import type { CloseReason } from "./PoolStats.js"

/** The fields of every event. A connection's number counts from 1 in the order in which opens begin. */
interface Common {
  /** The pool's name. */
  readonly pool: string
  /** The time in milliseconds since 1970, by the pool's clock. */
  readonly at: number
}

/**
 * One event. It holds no connection, option or error object, only an error's name and message. Subscribe with
 * `pool.events`, or with `pool.notices` for everything but `Borrowed` and `Released`.
 *
 * - `Opened`, `OpenFailed`, `Closed`: a connection has opened, failed to open, or closed. An open that `clear`,
 *   `resize` or the close of the pool aborts has no event.
 * - `Borrowed`, `Released`: a lease begins and ends.
 * - `Exhausted`: a borrower failed with `PoolExhaustedError`.
 * - `LeakSuspected`, `LeakReturned`: a lease has been held for longer than `leakThreshold`; such a lease has come back.
 * - `Cleared`, `Resized`: `clear` or `resize` was called.
 * - `Draining`, `PoolClosed`: the pool begins to close; it has closed. `PoolClosed` is the last event.
 *
 * @since 0.1.0
 * @category models
 */
export type PoolEvent =
  | Common & {
    readonly _tag: "Opened"
    readonly connectionId: number
    /** The duration of the open, in milliseconds. */
    readonly tookMillis: number
  }
  | Common & {
    readonly _tag: "OpenFailed"
    readonly connectionId: number
    /** The error's name and message only; its other fields may hold secrets. */
    readonly error: string
  }
  | Common & {
    readonly _tag: "Borrowed"
    readonly connectionId: number
    readonly holder: LeaseHolder
    readonly waitedMillis: number
  }
  | Common & {
    readonly _tag: "Released"
    readonly connectionId: number
    readonly holder: LeaseHolder
  }
  | Common & {
    readonly _tag: "Closed"
    readonly connectionId: number
    readonly reason: CloseReason
  }
  | Common & {
    readonly _tag: "Exhausted"
    readonly reason: "Timeout" | "QueueFull" | "NoWait" | "SelfDeadlock"
    readonly waitedMillis: number
  }
  | Common & {
    readonly _tag: "LeakSuspected"
    readonly connectionId: number
    readonly holder: LeaseHolder
  }
  | Common & {
    readonly _tag: "LeakReturned"
    readonly connectionId: number
    readonly holder: LeaseHolder
  }
  | Common & { readonly _tag: "Cleared" }
  | Common & {
    readonly _tag: "Resized"
    readonly minConnections: number
    readonly maxConnections: number
  }
  | Common & { readonly _tag: "Draining" }
  | Common & { readonly _tag: "PoolClosed" }
