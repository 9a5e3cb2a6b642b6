/**
 * The options of a pool.
 *
 * @since 3.0.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Budget } from "./BudgetModel.js"
import type { Overload } from "./Overload.js"

/**
 * The options of a pool: how it opens, keeps and closes its connections. A wrong value is a defect of `make` that names
 * the option, the value and the rule; so is an unknown name. `undefined` stands for an option that is left out.
 *
 * @since 3.0.0
 * @category models
 */
export interface PoolOptions<C, E, R> {
  /**
   * Opens one connection; its finalizers close it. Runs in a fiber of the pool, with the context of `make`, in a
   * `Scope` of the connection's own. The pool may interrupt it (`connectTimeout`, `clear`, `close`).
   */
  readonly open: Effect.Effect<C, E, R | Scope.Scope>

  /**
   * Names the pool in errors, logs, metrics and traces. The metrics of pools with one name are added up, so give each
   * pool a name of its own. One line without control characters and without a password. Default: `pool-1`, `pool-2` …, the first that no running pool has.
   */
  readonly name?: string

  /**
   * Adds attributes to the pool's spans, such as `server.address`. Pools of sockets set that one themselves. Put
   * nothing secret here. Default: none.
   */
  readonly attributes?: Readonly<Record<string, string | number | boolean>>

  /**
   * Limits the connections at any one time. A connection counts from the decision to open it until its close has
   * finished, so the server never sees more. Default: 200, as in gsocketpool.
   *
   * Choose the smallest number that keeps waits short; `advise` suggests one from measured load. The sum over all
   * processes must stay below the server's own limit.
   */
  readonly maxConnections?: number

  /**
   * Keeps this many connections open. The pool opens them in the background, at the start and whenever one is gone;
   * after a failure it follows the delays of `retry`. At most `maxConnections`. Default: 0, so that an unused pool
   * costs nothing.
   *
   * Raise it if opening takes longer than a lease and bursts must not wait for opens.
   */
  readonly minConnections?: number

  /**
   * Opens this many connections at the start. They are no floor: afterwards only `minConnections` counts. At most
   * `maxConnections`. Default: 0, as in gsocketpool.
   */
  readonly initialConnections?: number

  /**
   * Limits the opens in flight, so that a burst does not become a storm of connects. Default: 4, or `maxConnections` if
   * that is less.
   *
   * While opens fail the pool slows down further, to spare a server that is down or coming back: ten opens may fail at
   * once (or all in flight, if those are more), and then one begins each 100 milliseconds until one succeeds. Each
   * failed open fails the oldest waiter. A borrower that times out before its own attempt started fails with the last
   * error.
   */
  readonly maxConnecting?: number

  /**
   * Limits the borrowers that wait. The next one fails at once with `PoolExhaustedError` reason `QueueFull`. With 0
   * nobody waits. `Infinity` is allowed. Default: 10,000, which bounds memory.
   */
  readonly maxPending?: number

  /**
   * Decides what happens while more borrowers come than the pool can serve: `Overload.adaptiveLifo` serves the newest
   * first, and `Overload.codel` sheds the oldest. They matter where callers give up: in order, a pool at twice its load
   * serves mostly those whose answer comes too late. A holder that reconnects comes first in any case and is never shed.
   * Default: `Overload.fifo`, the order of arrival.
   */
  readonly overload?: Overload

  /**
   * Limits a borrow as a whole, including the wait and the open. With 0 nobody waits. Default: 10 seconds, twice
   * `connectTimeout`, so that a borrower can outlast one failed open.
   */
  readonly acquireTimeout?: Duration.DurationInput

  /**
   * Limits one open. The pool then interrupts it, and the oldest waiter fails with `ConnectTimeoutError`. More than 0.
   * Default: 5 seconds.
   */
  readonly connectTimeout?: Duration.DurationInput

  /**
   * Recognizes failures of `open` that every further attempt would repeat, such as a wrong password. After one, no
   * connection is opened for `fatalPause`: opens in flight are aborted, and borrowers that only a new connection could
   * serve fail with the error at once. So a crowd of callers does not lock an account out. A borrower still waits if a
   * connection is open that can come back to it.
   *
   * After the pause one open at a time may try, until one succeeds. `clear` ends the pause, for example after a new
   * password has been set. Opens that were in flight at the first failure, up to `maxConnecting`, may have logged in
   * already. Default: no failure is fatal.
   */
  readonly isFatal?: (error: E) => boolean

  /** Sets how long opens pause after a fatal failure. More than 0; `Infinity` is until `clear`. Default: 30 seconds. */
  readonly fatalPause?: Duration.DurationInput

  /**
   * Limits the age of a connection. It never cuts a lease: the pool closes an expired connection when it is about to be
   * lent, when it comes back, or with the reaper. Default: 600 seconds.
   *
   * Set it below the limits of servers and load balancers, so that connections move to new backends.
   */
  readonly connectionTTL?: Duration.DurationInput

  /**
   * Shortens each connection's `connectionTTL` by a random part of up to this fraction, from 0 to 1, drawn once when it
   * opens. So connections opened together do not expire together. Default: 0.1.
   */
  readonly ttlJitter?: number

  /**
   * Closes a connection that has been idle for this long, at that moment, the longest idle first, while more than
   * `minConnections` are open. More than 0. Default: none.
   *
   * Set it below the server's own idle limit.
   */
  readonly idleTimeout?: Duration.DurationInput

  /** Closes a connection on return after this many leases. At least 1. Default: none. */
  readonly maxUses?: number

  /**
   * Lets the pool close expired and stale connections by itself. With `false` they close only when they are about to be
   * lent, or on return. Default: true.
   */
  readonly reapExpired?: boolean

  /**
   * Schedules the reaper, which closes expired idle connections. It replaces a connection that `minConnections` needs
   * before it closes it. Without spare capacity it closes them one at a time before replacing them; a waiting borrower
   * takes precedence.
   *
   * The schedule starts with the first connection. While there is none, the reaper is parked without a timer, and the
   * schedule starts from the beginning afterwards. A schedule that ends stops the reaper for good. Default: every 180
   * seconds, as in gsocketpool.
   */
  readonly reapSchedule?: Schedule.Schedule<unknown>

  /**
   * Tests for free whether a connection is still there. Runs whenever an idle connection is about to be lent, and on
   * return. It must not block. If it dies, the connection closes. Default: none.
   */
  readonly isConnected?: (connection: C) => boolean

  /**
   * Tests for the protocol's own kind of expiry, in addition to `connectionTTL`. Runs where `isConnected` does, and in
   * the reaper. Default: none.
   */
  readonly isExpired?: (connection: C) => boolean

  /**
   * Completes when the peer goes away. The pool then closes an idle connection at once, a leased one on return. Runs in
   * a fiber of the pool for the life of the connection.
   *
   * Complete with `"Desync"` if bytes arrived that nobody asked for; the close then counts as `Desync`, otherwise as
   * `Disconnected`. Default: none.
   */
  readonly closed?: (connection: C) => Effect.Effect<unknown, unknown>

  /**
   * Asks a connection that has been idle for `validateAfterIdle` whether it still works, before it is lent. Runs in a
   * fiber of the pool. The borrower waits within its own deadline, and takes whatever becomes available first; a
   * connection that need not be validated serves it at once.
   *
   * A connection that answers `false`, fails, dies or does not answer within `validateTimeout` closes, and so does
   * every idle one that was open when it was asked: validating each would cost an outage one timeout per connection.
   * Leased ones that were open then are validated on return. Default: none.
   */
  readonly validate?: (connection: C) => Effect.Effect<boolean, unknown>

  /**
   * Sets the idle time after which `validate` is asked. With 0 it is asked before every lease, except when the
   * connection goes straight from one borrower to the next. An answer that comes too late for its borrower holds for at
   * least a second, so that borrowers that do not wait find a connection when they try again. Default: 1 second.
   */
  readonly validateAfterIdle?: Duration.DurationInput

  /** Limits one `validate`. More than 0. Default: 2 seconds. */
  readonly validateTimeout?: Duration.DurationInput

  /**
   * Asks an idle connection with `validate` whenever it has been silent for this long, so that no firewall or server
   * drops it, and a dead one is found before a borrower needs it. A failed answer has the consequences that it has for
   * a borrower. The connection keeps its place and its idle time. At most four are asked at once, and no more than half
   * of those that are idle. More than 0 and less than `connectionTTL`; only together with `validate`. Default: none.
   *
   * Set it below the shortest idle limit on the way, and not far below: each question is a round trip. The same as
   * `keepaliveTime` of HikariCP.
   */
  readonly keepaliveTime?: Duration.DurationInput

  /**
   * Gives the borrower a view of the connection for this one lease, so that `onRelease` can revoke it. Runs at every
   * borrow and must not block. `release` and `drop` then take the view. Default: the connection itself.
   */
  readonly lease?: (connection: C) => C

  /**
   * Decides after each lease whether the connection may be lent again, and prepares it for that. Runs in a fiber of the
   * pool, so a release never waits for it; an answer at hand (`Effect.succeed("keep")`) costs no fiber. Connections
   * that close anyway are not asked.
   *
   * It has `closeTimeout` to answer. If it dies or does not answer in time, the connection closes. `"default"` follows
   * the rule that holds without it: a success or a typed failure keeps the connection, an interruption or a defect
   * discards it. Default: that rule.
   */
  readonly onRelease?: (
    connection: C,
    exit: Exit.Exit<unknown, unknown>
  ) => Effect.Effect<"keep" | "discard" | "default">

  /**
   * Says goodbye to a connection before a normal close: because it is old, idle, surplus or cleared, or the pool
   * closes. Use it for protocols that say goodbye, such as `QUIT`. Runs in a fiber of the pool. Connections that failed,
   * were invalidated or dropped, or whose last lease ended in an interruption or a defect, close without it.
   *
   * It has half of `closeTimeout`, and the finalizers have the rest. A failure of it changes nothing: the connection
   * closes. Default: none.
   */
  readonly farewell?: (connection: C) => Effect.Effect<unknown, unknown>

  /**
   * Allows this many leases of one connection at once, for protocols that answer several requests on one connection.
   * The same as in `effect/Pool`. At least 1. Default: 1.
   *
   * With order `"lifo"` a connection in use that has room is lent before an idle one, with `"fifo"` after. A lease
   * after which the connection must not be lent again closes it when its last lease has ended.
   */
  readonly concurrency?: number

  /**
   * Chooses the idle connection to lend. `"lifo"` lends the one used last, so that surplus connections grow old and
   * expire. `"fifo"` lends the one idle for longest, so that all are used alike. `"fewest"` is for pools with
   * `concurrency`: it lends an idle connection, and otherwise the one with the fewest leases of those that have room,
   * which takes a step for each of them. Default: `"lifo"`.
   */
  readonly order?: "lifo" | "fifo" | "fewest"

  /**
   * Sets the delays between attempts to fill up to `minConnections` after a failure; the schedule sees the connector's
   * error. It starts from the beginning once a connection has served, or after a minute without a failure. When it
   * ends, the pool stops filling until an open succeeds. Default: exponential from 100 milliseconds to 20 seconds,
   * jittered by 20 %, so that a fleet does not come back in step.
   */
  readonly retry?: Schedule.Schedule<unknown, E>

  /**
   * Limits the finalizers of one connection. Afterwards its place is free for another and a warning is logged; the
   * finalizers keep running. Default: 5 seconds.
   */
  readonly closeTimeout?: Duration.DurationInput

  /** Limits how long `close` waits for leases before it closes their connections by force. Default: 10 seconds. */
  readonly drainTimeout?: Duration.DurationInput

  /**
   * Suspects a leak when a lease is held for longer than this. A warning and an event `LeakSuspected` name the fiber
   * and the span that took it, and the time; an event `LeakReturned` follows if it comes back. The holder keeps its
   * lease. More than 0. Default: none.
   *
   * Set it well above the longest legitimate lease.
   */
  readonly leakThreshold?: Duration.DurationInput

  /**
   * Shares the places of a budget with other pools. The pool opens a connection only when the budget has granted it a
   * place, and may have to give it back: an idle connection closes at once, a leased one when it comes back, with reason
   * `Reclaimed`. Nothing is taken below `minConnections`. `maxConnections` still limits this pool. Default: none.
   */
  readonly budget?: Budget

  /**
   * Sets the pool's part of its budget while several pools want more than there is: one with weight 2 gets twice as many
   * places as one with weight 1. More than 0. Only together with `budget`. Default: 1.
   */
  readonly budgetWeight?: number
}
