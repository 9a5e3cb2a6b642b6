/**
 * The events of a pool, as they happen.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { literals, union } from "./internal/effect/schema.js"
import { LeaseHolder } from "./PoolLease.js"
import { CloseReason } from "./PoolStats.js"

const common = {
  /** The pool's name. */
  pool: Schema.String,
  /** The time in milliseconds since 1970, by the pool's clock. */
  at: Schema.Number
}

/** The pool's own number of the connection, counted from 1 in the order in which opens begin. */
const connectionId = Schema.Number

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
export const PoolEvent = union(
  Schema.TaggedStruct("Opened", {
    ...common,
    connectionId,
    /** The duration of the open, in milliseconds. */
    tookMillis: Schema.Number
  }),
  Schema.TaggedStruct("OpenFailed", {
    ...common,
    connectionId,
    /** The error's name and message only; its other fields may hold secrets. */
    error: Schema.String
  }),
  Schema.TaggedStruct("Borrowed", { ...common, connectionId, holder: LeaseHolder, waitedMillis: Schema.Number }),
  Schema.TaggedStruct("Released", { ...common, connectionId, holder: LeaseHolder }),
  Schema.TaggedStruct("Closed", { ...common, connectionId, reason: CloseReason }),
  Schema.TaggedStruct("Exhausted", {
    ...common,
    reason: literals("Timeout", "QueueFull", "NoWait", "SelfDeadlock"),
    waitedMillis: Schema.Number
  }),
  Schema.TaggedStruct("LeakSuspected", { ...common, connectionId, holder: LeaseHolder }),
  Schema.TaggedStruct("LeakReturned", { ...common, connectionId, holder: LeaseHolder }),
  Schema.TaggedStruct("Cleared", common),
  Schema.TaggedStruct("Resized", { ...common, minConnections: Schema.Number, maxConnections: Schema.Number }),
  Schema.TaggedStruct("Draining", common),
  Schema.TaggedStruct("PoolClosed", common)
)

/**
 * @since 0.1.0
 * @category models
 */
export type PoolEvent = typeof PoolEvent.Type
