/**
 * What happens in a pool, as it happens.
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
  /** When, in milliseconds since 1970 by the pool's clock. */
  at: Schema.Number
}

/** The pool's own number of a connection, counted from 1 in the order in which opens begin. */
const connectionId = Schema.Number

/**
 * One event. None holds a connection, an option or an error object: an error is told by its name and message.
 *
 * - `Opened`, `OpenFailed`, `Closed`: the life of a connection. An open that is given up because of `clear`, `resize` or
 *   the close of the pool is told by none of them.
 * - `Borrowed`, `Released`: a lease begins and ends.
 * - `Exhausted`: a borrower failed with `PoolExhaustedError`.
 * - `LeakSuspected`, `LeakReturned`: a lease has been held for longer than `leakThreshold`; it came back after all.
 * - `Cleared`, `Resized`: somebody called `clear` or `resize`.
 * - `Draining`, `PoolClosed`: the pool begins to close; it has closed, and this is the last event.
 *
 * @since 0.1.0
 * @category models
 */
export const PoolEvent = union(
  Schema.TaggedStruct("Opened", {
    ...common,
    connectionId,
    /** How long the open took. */
    tookMillis: Schema.Number
  }),
  Schema.TaggedStruct("OpenFailed", {
    ...common,
    connectionId,
    /** The error's name and message, and nothing else of it. */
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
