/**
 * The events of a pool, as they happen.
 *
 * @since 3.0.0
 */
import type { LeaseHolder } from "./PoolLease.js"
import type { CloseReason } from "./PoolStats.js"

/** The fields of every event. A connection's number counts from 1 in the order in which opens begin. */
interface Common {
  /** The pool's name. */
  readonly pool: string
  /** The time in milliseconds since 1970, by the pool's clock. */
  readonly at: number
  /** The `id` of the endpoint, if it is an event of one endpoint of an `EndpointPool`. */
  readonly endpoint?: string
}

/**
 * One event. It holds no connection, option or error object, only an error's name and message. Subscribe with
 * `pool.events`, or with `pool.notices` for everything but `Borrowed` and `Released`.
 *
 * - `Opened`, `OpenFailed`, `Closed`: a connection has opened, failed to open, or closed. An open that `clear`,
 *   `resize` or the close of the pool aborts has no event.
 * - `Borrowed`, `Released`: a lease begins and ends.
 * - `Exhausted`: a borrower failed with `PoolExhaustedError`.
 * - `Overloaded`, `Recovered`: an overload begins and ends, as `PoolOptions.overload` tells it.
 * - `LeakSuspected`, `LeakReturned`: a lease has been held for longer than `leakThreshold`; such a lease has come back.
 * - `Cleared`, `Resized`: `clear` or `resize` was called.
 * - `EndpointsChanged`: a pool of endpoints has a new set of them.
 * - `EndpointsEmpty`: the newest set has no endpoint, so the last one stays.
 * - `EndpointEjected`, `EndpointRestored`: an endpoint has failed too often and is the last choice for a while; it works
 *   again.
 * - `EndpointMoved`: the probe of an endpoint has answered another tier than before.
 * - `Draining`, `PoolClosed`: the pool begins to close; it has closed. `PoolClosed` is the last event.
 *
 * @since 3.0.0
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
    readonly reason: "Timeout" | "QueueFull" | "NoWait" | "SelfDeadlock" | "Shed" | "TooManyKeys"
    readonly waitedMillis: number
  }
  | Common & {
    readonly _tag: "Overloaded"
    /** The least wait of a borrower since all waits became too long, in milliseconds. */
    readonly leastWaitMillis: number
  }
  | Common & {
    readonly _tag: "Recovered"
    /** The length of the overload, in milliseconds. */
    readonly overloadedMillis: number
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
  | Common & {
    readonly _tag: "EndpointsChanged"
    /** The ids of the endpoints that are new. */
    readonly added: ReadonlyArray<string>
    /** The ids of those that have left the set, or moved to another address. */
    readonly removed: ReadonlyArray<string>
  }
  | Common & { readonly _tag: "EndpointsEmpty" }
  | Common & {
    readonly _tag: "EndpointEjected"
    readonly endpoint: string
    /** The time until a connection of the pool's own finds out whether it works, in milliseconds. */
    readonly forMillis: number
    /** The name and the message of the last error. */
    readonly error: string
  }
  | Common & { readonly _tag: "EndpointRestored"; readonly endpoint: string }
  | Common & {
    readonly _tag: "EndpointMoved"
    readonly endpoint: string
    /** The tier that it had. */
    readonly from: number
    /** The tier that its probe has answered. */
    readonly to: number
  }
  | Common & { readonly _tag: "Draining" }
  | Common & { readonly _tag: "PoolClosed" }
