/** One simulated pool with its connector, and the books that are kept about the two. */
import type { PoolStats } from "@socketpool/core"
import { wallMillis, wasInterrupted } from "@socketpool/test-seam"
import type { ScriptedConnector } from "@socketpool/testing"
import { Clock, Effect } from "effect"
import type { Options } from "./options.js"
import { placesOf, type Rival } from "./rival.js"
import type { Connection, Target } from "./target.js"

export class World {
  readonly problems: Array<string> = []
  /** Connections that somebody has dropped: their holders may find them closed. */
  readonly dropped = new Set<Connection>()
  /** When the peer went away. */
  private readonly killed = new Map<Connection, number>()
  /** When the pool was told to forget all connections opened so far, and how many those were. */
  private readonly clearings: Array<{ readonly at: number; readonly opened: number }> = []
  /** The most connections there ever might be. */
  private most: number
  private readonly holders = new Map<Connection, number>()
  private closeBegan = false
  /** The number of opens that have failed, and of connections closed that may have been lost, and since when. */
  private readonly losses = [{ at: -Infinity, count: 0 }]
  readonly acquireTimeout: number

  constructor(
    readonly connector: ScriptedConnector.ScriptedConnector,
    private readonly born: ReadonlyMap<Connection, number>,
    readonly target: Target,
    private readonly options: Options,
    private readonly rival?: Rival | undefined
  ) {
    this.acquireTimeout = options.acquireTimeout
    this.most = options.pool.maxConnections
  }

  get isClosing(): boolean {
    return this.closeBegan
  }

  /** Works with a connection, and notices if somebody else holds it too, or if it was lent although it is closed. */
  hold<A, E>(connection: Connection, work: Effect.Effect<A, E>, alone = false): Effect.Effect<A, E> {
    const { concurrency } = this.options.pool
    // One that is alone takes all the places.
    const places = alone ? concurrency : 1
    return Effect.acquireUseRelease(
      Effect.map(Clock.currentTimeMillis, (now) => {
        const holders = (this.holders.get(connection) ?? 0) + places
        this.holders.set(connection, holders)
        this.expect(holders <= concurrency, `connection ${connection.id} has ${holders} holders`)
        this.expect(
          !connection.closing || this.dropped.has(connection) || this.closeBegan,
          `connection ${connection.id} was lent although it is closed`
        )
        if (this.target.own === undefined) return
        const { pool } = this.options
        for (const { at, opened } of this.clearings) {
          this.expect(connection.id > opened || at === now, `connection ${connection.id} outlived a clear`)
        }
        // The pool need not know yet of an event at the very moment of the loan.
        const expired = now - this.born.get(connection)! - pool.connectionTTL
        this.expect(expired <= 0, `connection ${connection.id} was lent ${expired} ms after it had expired`)
        const gone = "isConnected" in pool ? now - (this.killed.get(connection) ?? now) : 0
        this.expect(gone === 0, `connection ${connection.id} was lent ${gone} ms after its peer had gone away`)
      }),
      () => work,
      () => Effect.sync(() => this.holders.set(connection, this.holders.get(connection)! - places))
    )
  }

  /** The peer goes away. */
  kill(connection: Connection): Effect.Effect<void> {
    return Effect.map(Clock.currentTimeMillis, (now) => {
      if (!this.killed.has(connection)) this.killed.set(connection, now)
      connection.kill()
    })
  }

  readonly clear: Effect.Effect<void> = Effect.flatMap(Clock.currentTimeMillis, (at) => {
    this.clearings.push({ at, opened: this.connector.opened })
    return this.target.own!.clear
  })

  resize(min: number, max: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.most = Math.max(this.most, max)
      return this.target.own!.resize({ min, max })
    })
  }

  /** A borrow that has to come to something within so many milliseconds: `got` runs, or it fails. */
  bounded<A, E, R>(
    millis: number,
    borrow: (got: Effect.Effect<void>) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> {
    return Effect.clockWith((clock) => {
      const deadline = wallMillis(clock) + millis
      let isWaiting = true
      const came = Effect.sync(() => {
        if (!isWaiting) return
        isWaiting = false
        const late = wallMillis(clock) - deadline
        // Timers go by whole milliseconds.
        this.expect(late <= 1, `a borrow took ${late} ms longer than its timeout of ${millis} ms`)
      })
      return Effect.ensuring(borrow(came), came)
    })
  }

  /** Closes the pool, which must not take longer than its timeouts say. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.closeBegan = true
    const { closeTimeout, drainTimeout } = this.options.pool
    return timed(this.target.close, (took) =>
      this.expect(
        this.target.own === undefined || took <= drainTimeout + closeTimeout + 2,
        `the close took ${took} ms with a drainTimeout of ${drainTimeout} and a closeTimeout of ${closeTimeout} ms`
      ))
  })

  expect(ok: boolean, problem: string): void {
    if (!ok) this.problems.push(problem)
  }

  /** The facts that must hold between any two steps of any fibers. */
  readonly observe = (): ReadonlyArray<string> => {
    const { connector, problems, target } = this
    const max = this.options.pool.maxConnections
    if (target.own === undefined) {
      this.expect(connector.peak <= max, `${connector.peak} connections were open at once, with a maximum of ${max}`)
      return problems
    }
    const stats = target.own.stats()
    // After resize to less there may be more for a while.
    problems.push(...connector.audit({ ...stats, maxConnections: this.most }))
    const shared = this.rival === undefined ? 0 : placesOf(stats) + placesOf(this.rival.stats())
    const limit = this.rival?.limit ?? Infinity
    this.expect(shared <= limit, `${shared} connections share a budget of ${limit}`)
    const isFull = stats.inUse + stats.closing + stats.idle >= stats.maxConnections || shared >= limit
    const isPaced = this.isPaced(stats)
    // After a fatal failure opens pause, and borrowers wait for what is open.
    const mayPause = "isFatal" in this.options.pool && stats.openFailed > 0 && stats.inUse + stats.idle > 0
    const isDelayed = isPaced || mayPause
    if (stats.pending > 0 && stats.opening === 0 && stats.validating === 0 && !isFull && !isDelayed) {
      problems.push(`somebody waits although there is room and nothing is being opened: ${JSON.stringify(stats)}`)
    }
    return problems
  }

  /**
   * Whether the pool may take its time: ten opens may fail within a second, with the connections that were lost early,
   * those that may yet be, and those that are closing because they were.
   */
  private isPaced(stats: PoolStats): boolean {
    const { Desync, Disconnected, Discarded, Dropped, Invalid } = stats.closed
    const count = stats.openFailed + Desync + Disconnected + Discarded + Dropped + Invalid
    const now = stats.ageMillis
    if (count > this.losses.at(-1)!.count) this.losses.push({ at: now, count })
    while (this.losses.length > 1 && this.losses[1]!.at < now - 1_000) this.losses.shift()
    // The first entry is the number of those that are longer ago than a second.
    const recent = count - this.losses[0]!.count
    return recent > 0 && recent + stats.idle + stats.inUse + stats.opening + stats.closing + 1 > 10
  }

  /** The facts that must hold once all borrowers have gone. */
  readonly atRest = (): void => {
    const stats = this.target.own?.stats()
    if (stats === undefined) return
    const { inUse, pending, validating } = stats
    this.expect(inUse === validating && pending === 0, `borrowers left something behind: ${JSON.stringify(stats)}`)
  }

  /** The facts that must hold once the pool has closed. */
  readonly atEnd = (): void => {
    const { connector } = this
    const stats = this.target.own?.stats()
    if (stats !== undefined) {
      const left = stats.opening + stats.idle + stats.inUse + stats.closing + stats.pending
      this.expect(left === 0, `the closed pool is not empty: ${JSON.stringify(stats)}`)
    }
    this.expect(
      connector.closed === connector.opened && new Set(connector.log).size === connector.log.length,
      `${connector.opened} connections were opened, ${connector.closed} closed: ${connector.log.join(", ")}`
    )
    this.expect(connector.live === connector.overdue, `${connector.live} connections are still open after the close`)
  }
}

/** The time that an effect took on the clock, in success or failure. */
export const timed = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  then: (millis: number) => void
): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    Clock.currentTimeMillis,
    (start) =>
      Effect.onExit(effect, (exit) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          if (!wasInterrupted(exit)) then(now - start)
        }))
  )
