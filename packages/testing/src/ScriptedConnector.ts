/**
 * A connector that does what the test says, and counts what the pool does with it.
 *
 * @since 0.1.0
 */
import type { PoolStats } from "@socketpool/core/PoolStats"
import type * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"

/**
 * What one open or one close does: it succeeds, fails (an open only: a finalizer cannot fail), dies, never ends, or
 * succeeds after a while on the test's clock. `"stuck"` never ends and cannot be interrupted either.
 *
 * @since 0.1.0
 * @category models
 */
export type Behaviour = "ok" | "fail" | "die" | "never" | "stuck" | { readonly slow: Duration.DurationInput }

/**
 * What a scripted open fails with.
 *
 * @since 0.1.0
 * @category errors
 */
export class ScriptedOpenError extends Data.TaggedError("ScriptedOpenError")<{ readonly attempt: number }> {
  override get message(): string {
    return `scripted failure of attempt ${this.attempt}`
  }
}

/**
 * A connection without a peer. The numbers count from 1 in the order of the opens.
 *
 * @since 0.1.0
 * @category models
 */
export interface ScriptedConnection {
  readonly id: number
  /** Whether the peer is still there. */
  alive: boolean
  /** Whether somebody holds it, as the test keeps the books. */
  held: boolean
  /** Whether its close has begun. */
  closing: boolean
  /** Completes when the peer goes away. */
  readonly closed: Effect.Effect<void>
  /** Makes the peer go away. */
  readonly kill: () => void
}

/**
 * A connector and its books.
 *
 * @since 0.1.0
 * @category models
 */
export interface ScriptedConnector {
  readonly open: Effect.Effect<ScriptedConnection, ScriptedOpenError, Scope.Scope>
  /** What happened, in order: `"open 1"`, `"close 1"` … */
  readonly log: ReadonlyArray<string>
  /** Opens begun. */
  readonly attempts: number
  /** Opens that gave a connection. */
  readonly opened: number
  /** Closes begun: how often a finalizer ran. */
  readonly closed: number
  /** Connections that are open now. */
  readonly live: number
  /** How many of them are closing for `closeTimeout` or longer. */
  readonly overdue: number
  /** The most connections that were open or being opened at once, without those that were overdue. */
  readonly peak: number
  /** The most opens that were in flight at once. */
  readonly peakOpening: number
  /** The connection of that number. */
  readonly connection: (id: number) => ScriptedConnection
  /** What is wrong with the pool's numbers, or with their agreement with the connector's; nothing if all is well. */
  readonly audit: (stats: PoolStats) => ReadonlyArray<string>
}

/** `Effect.never` sets a timer, which would keep all that an abandoned run has made. */
const never = Effect.async<never>(() => {})

const behave = (behaviour: Behaviour, fail: Effect.Effect<never, ScriptedOpenError>) => {
  if (behaviour === "ok") return Effect.void
  if (behaviour === "fail") return fail
  if (behaviour === "die") return Effect.die(new Error("scripted defect"))
  if (behaviour === "never") return never
  if (behaviour === "stuck") return Effect.uninterruptible(never)
  return Effect.sleep(behaviour.slow)
}

/**
 * Makes a connector. `open` says what attempt number n does, `close` what closing connection number n does; both
 * succeed when left out.
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
 * @since 0.1.0
 * @category constructors
 */
export const make = (script: {
  readonly open?: (attempt: number) => Behaviour
  readonly close?: (id: number) => Behaviour
  /**
   * The pool's `closeTimeout`, for scripts in which closes take longer. The pool then gives the connection's place to
   * another, and so the audit does not count it any more. Default: it is counted until it has closed.
   */
  readonly closeTimeout?: Duration.DurationInput
} = {}): ScriptedConnector => {
  const closeTimeout = Duration.toMillis(script.closeTimeout ?? Infinity)
  const log: Array<string> = []
  const connections: Array<ScriptedConnection> = []
  let attempts = 0
  let opening = 0
  let closed = 0
  let live = 0
  let peak = 0
  let peakOpening = 0
  let clock: Clock.Clock | undefined
  /** When the closes that are under way have begun, by connection. */
  const closingSince = new Map<ScriptedConnection, number>()

  const now = () => clock!.unsafeCurrentTimeMillis()

  const overdue = (): number => {
    let count = 0
    for (const since of closingSince.values()) {
      if (since + closeTimeout <= now()) count++
    }
    return count
  }

  const connect = (): ScriptedConnection => {
    const gone = Deferred.unsafeMake<void>(FiberId.none)
    const connection: ScriptedConnection = {
      id: connections.length + 1,
      alive: true,
      held: false,
      closing: false,
      closed: Deferred.await(gone),
      kill: () => {
        connection.alive = false
        Deferred.unsafeDone(gone, Effect.void)
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
      const behaviour = script.close?.(connection.id) ?? "ok"
      return Effect.ensuring(
        behave(behaviour, Effect.die("a close cannot fail")),
        Effect.sync(() => {
          connection.alive = false
          closingSince.delete(connection)
          live--
        })
      )
    }).pipe(Effect.orDie)

  // The finalizer is registered in the step that connects, so that no interrupt can come between.
  const open = Effect.uninterruptibleMask((restore) =>
    Effect.clockWith((here) => {
      clock = here
      const attempt = ++attempts
      opening++
      peak = Math.max(peak, live - overdue() + opening)
      peakOpening = Math.max(peakOpening, opening)
      const behaviour = script.open?.(attempt) ?? "ok"
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
      expect(stats.opened - closedByPool === open + stats.closing, "opened − closed is not what is there")
      expect(stats.opening + open + stats.closing <= stats.maxConnections, "more connections than allowed")
      // Who waits for an answer of one idle connection need not wait for those of the others.
      const isCovered = stats.pending === 0 || stats.validating > 0
      expect(stats.idle === 0 || isCovered, "somebody waits beside an idle connection")
      expect(open <= live, "the pool counts a connection that has closed")
      expect(live - overdue() <= open + stats.closing + stats.opening, "a connection has been lost")
      expect(peak <= stats.maxConnections, "more connections were open at once than allowed")
      expect(closed <= connections.length, "a finalizer ran twice")
      return problems
    }
  }
}
