/**
 * The events of a pool, as they happen.
 *
 * @since 0.1.0
 */
import type * as Schemas from "./PoolSchemas.js"

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
export type PoolEvent = typeof Schemas.PoolEvent.Type
