/**
 * A connector that follows a script and records what the pool does with it.
 *
 * @since 3.0.0
 */
import { argument, type Rule, rules, Table } from "@socketpool/core/Checks"
import type { PoolStats } from "@socketpool/core/PoolStats"
import type * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { async, promise, settle, wallMillis } from "./internal/effect/fiber.js"

/**
 * The behaviour of one open or one close.
 *
 * - `"ok"` succeeds at once; `slow` succeeds after that time on the test's clock.
 * - `"fail"` fails. Only an open can fail, because a finalizer cannot.
 * - `"die"` dies with a defect.
 * - `"never"` never ends, but can be interrupted. `"stuck"` never ends and cannot be interrupted.
 *
 * @since 3.0.0
 * @category models
 */
export type Behaviour = "ok" | "fail" | "die" | "never" | "stuck" | { readonly slow: Duration.DurationInput }

/**
 * The failure of an open that the script lets fail. `attempt` counts from 1.
 *
 * @since 3.0.0
 * @category errors
 */
export class ScriptedOpenError extends Data.TaggedError("ScriptedOpenError")<{ readonly attempt: number }> {
  override get message(): string {
    return `scripted failure of attempt ${this.attempt}`
  }
}

/**
 * A connection without a peer.
 *
 * @since 3.0.0
 * @category models
 */
export interface ScriptedConnection {
  /** The connection's number, counted from 1 in the order of the opens. */
  readonly id: number
  /** Whether the peer is still there. Give it to the pool as `isConnected`. */
  alive: boolean
  /** Whether somebody holds the connection. The connector leaves this field to the test. */
  held: boolean
  /** Whether the close has begun. */
  closing: boolean
  /** Completes when the peer goes away. Give it to the pool as `closed`. */
  readonly closed: Effect.Effect<void>
  /** Makes the peer go away. */
  readonly kill: () => void
}

/**
 * A connector and its records.
 *
 * @since 3.0.0
 * @category models
 */
export interface ScriptedConnector {
  /** Opens a connection as the script says. Give it to the pool as `open`. */
  readonly open: Effect.Effect<ScriptedConnection, ScriptedOpenError, Scope.Scope>
  /** The events so far, in order: `"open 1"`, `"close 1"` … */
  readonly log: ReadonlyArray<string>
  /** The number of opens begun. */
  readonly attempts: number
  /** The number of opens that succeeded. */
  readonly opened: number
  /** The number of closes begun, that is, of finalizers run. */
  readonly closed: number
  /** The number of connections that are open now. */
  readonly live: number
  /** The number of live connections whose close has taken `closeTimeout` or longer. */
  readonly overdue: number
  /** The most connections that were open or being opened at once, without overdue ones. */
  readonly peak: number
  /** The most opens that were in flight at once. */
  readonly peakOpening: number
  /** Returns the connection with this number. */
  readonly connection: (id: number) => ScriptedConnection
  /**
   * Checks the pool's numbers against each other and against the connector's. Returns the problems; an empty list means
   * that they agree.
   */
  readonly audit: (stats: PoolStats) => ReadonlyArray<string>
}

/** Never ends, without a timer: the timer of `Effect.never` would keep everything of an abandoned run in memory. */
const never = async<never>(() => {})

const scripts = new Table({
  open: rules.optional(rules.callback),
  close: rules.optional(rules.callback),
  closeTimeout: rules.orElse(rules.duration("0 or more"), Infinity)
})

const named = ["ok", "fail", "die", "never", "stuck"] as const

const slow = rules.struct(new Table({ slow: rules.duration("0 or more") }))

/** One word, or an object that says how slow. */
const behaviours: Rule<Behaviour> = (value, at) =>
  typeof value === "object" ? slow(value, at) : rules.oneOf(...named)(value, at)

const behave = (given: unknown, fail: Effect.Effect<never, ScriptedOpenError>) => {
  const behaviour = argument("ScriptedConnector", "behaviour", behaviours, given)
  if (behaviour === "ok") return Effect.void
  if (behaviour === "fail") return fail
  if (behaviour === "die") return Effect.die(new Error("scripted defect"))
  if (behaviour === "never") return never
  if (behaviour === "stuck") return Effect.uninterruptible(never)
  return Effect.sleep(behaviour.slow)
}

/**
 * Makes a connector. Use it to test how code behaves while opens or closes are slow, fail or hang, and to find lost
 * connections with `audit`. For code that sends and receives bytes, use `MemoryServer`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Pool } from "@socketpool/core"
 * import { ScriptedConnector } from "@socketpool/testing"
 *
 * const program = Effect.gen(function*() {
 *   const connector = ScriptedConnector.make({ open: (attempt) => attempt === 1 ? "fail" : "ok" })
 *   const pool = yield* Pool.make({ open: connector.open, maxConnections: 1 })
 *   const first = yield* Effect.either(pool.use((connection) => Effect.succeed(connection.id)))
 *   const second = yield* pool.use((connection) => Effect.succeed(connection.id))
 *   return { first, second, problems: connector.audit(yield* pool.stats) }
 * })
 *
 * Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = (script: {
  /** Chooses the behaviour of each open by its number, counted from 1. Default: every open succeeds at once. */
  readonly open?: (attempt: number) => Behaviour
  /** Chooses the behaviour of each close by the connection's number. Default: every close succeeds at once. */
  readonly close?: (id: number) => Behaviour
  /**
   * Repeats the pool's `closeTimeout`, for scripts in which a close takes longer. The pool then gives the place of that
   * connection to another, so the audit must stop counting it. Default: the audit counts a connection until it has
   * closed.
   */
  readonly closeTimeout?: Duration.DurationInput
} = {}): ScriptedConnector => {
  const { close: closeScript, closeTimeout, open: openScript } = scripts.read("ScriptedConnector", script)
  const log: Array<string> = []
  const connections: Array<ScriptedConnection> = []
  let attempts = 0
  let opening = 0
  let closed = 0
  let live = 0
  let peak = 0
  let peakOpening = 0
  let clock: Clock.Clock | undefined
  /** The start time of every close in progress, in milliseconds. */
  const closingSince = new Map<ScriptedConnection, number>()

  const now = () => wallMillis(clock!)

  const overdue = (): number => {
    let count = 0
    for (const since of closingSince.values()) {
      if (since + closeTimeout <= now()) count++
    }
    return count
  }

  const connect = (): ScriptedConnection => {
    const gone = promise<void>()
    const connection: ScriptedConnection = {
      id: connections.length + 1,
      alive: true,
      held: false,
      closing: false,
      closed: Deferred.await(gone),
      kill: () => {
        connection.alive = false
        settle(gone, Exit.void)
      }
    }
    connections.push(connection)
    live++
    log.push(`open ${connection.id}`)
    return connection
  }

  const disconnect = (connection: ScriptedConnection) =>
    Effect.suspend(() => {
      closed++
      connection.closing = true
      closingSince.set(connection, now())
      log.push(`close ${connection.id}`)
      const behaviour = closeScript?.(connection.id) ?? "ok"
      return Effect.ensuring(
        behave(behaviour, Effect.die("a close cannot fail")),
        Effect.sync(() => {
          connection.alive = false
          closingSince.delete(connection)
          live--
        })
      )
    }).pipe(Effect.orDie)

  // Connecting and registering the finalizer are one step, so that no interrupt can come in between.
  const open = Effect.uninterruptibleMask((restore) =>
    Effect.clockWith((here) => {
      clock = here
      const attempt = ++attempts
      opening++
      peak = Math.max(peak, live - overdue() + opening)
      peakOpening = Math.max(peakOpening, opening)
      const behaviour = openScript?.(attempt) ?? "ok"
      return restore(behave(behaviour, Effect.fail(new ScriptedOpenError({ attempt })))).pipe(
        Effect.ensuring(Effect.sync(() => opening--)),
        Effect.flatMap(() => Effect.acquireRelease(Effect.sync(connect), disconnect))
      )
    })
  )

  return {
    open,
    log,
    get attempts() {
      return attempts
    },
    get opened() {
      return connections.length
    },
    get closed() {
      return closed
    },
    get live() {
      return live
    },
    get overdue() {
      return overdue()
    },
    get peak() {
      return peak
    },
    get peakOpening() {
      return peakOpening
    },
    connection: (id) => connections[id - 1]!,
    audit: (stats) => {
      const problems: Array<string> = []
      const expect = (ok: boolean, problem: string) => {
        if (!ok) {
          problems.push(`${problem}: ${JSON.stringify({ ...stats, live, overdue: overdue(), opening, attempts })}`)
        }
      }
      const closedByPool = Object.values(stats.closed).reduce((sum, n) => sum + n, 0)
      const open = stats.idle + stats.inUse
      expect(stats.opened - closedByPool === open + stats.closing, "opened − closed is not idle + in use + closing")
      expect(stats.opening + open + stats.closing <= stats.maxConnections, "more connections than maxConnections")
      // A borrower may wait while the pool validates one idle connection for it, and others are idle, too.
      const isCovered = stats.pending === 0 || stats.validating > 0
      expect(stats.idle === 0 || isCovered, "a borrower waits although a connection is idle")
      expect(open <= live, "the pool counts a connection that has closed")
      expect(live - overdue() <= open + stats.closing + stats.opening, "the pool has lost a connection")
      expect(peak <= stats.maxConnections, "more connections than maxConnections were open at once")
      expect(closed <= connections.length, "a finalizer ran twice")
      return problems
    }
  }
}
