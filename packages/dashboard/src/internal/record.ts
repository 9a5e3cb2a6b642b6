/** The history of one pool, kept for pages that are opened later. Its size is bounded, whatever the pool does. */
import type { EndpointPool } from "@socketpool/core/EndpointPool"
import type { ConnectionPool } from "@socketpool/core/Pool"
import type { PoolEvent } from "@socketpool/core/PoolEvent"
import type { PoolStats } from "@socketpool/core/PoolStats"
import * as Effect from "effect/Effect"
import type { PoolHistory } from "../History.js"
import type { EndpointsSnapshot, PoolSnapshot, Recent } from "../Snapshot.js"
import { RecentShares } from "./endpoints.js"
import { Failures, isFailure } from "./failures.js"
import { RecentCounts } from "./recent.js"
import { valuesOf } from "./row.js"

/** Keeps the last `capacity` items. */
class RingBuffer<A> {
  private readonly items: Array<A> = []
  private next = 0

  constructor(private readonly capacity: number) {}

  push(item: A): void {
    this.items[this.next] = item
    this.next = (this.next + 1) % this.capacity
  }

  /** Returns the items, oldest first. */
  toArray(): Array<A> {
    return this.items.length < this.capacity ?
      this.items.slice() :
      [...this.items.slice(this.next), ...this.items.slice(0, this.next)]
  }
}

interface Figures {
  readonly stats: PoolStats
  readonly recent: Recent
  readonly endpoints?: EndpointsSnapshot
}

export class PoolRecord {
  /** The time of the last row, in milliseconds since 1970. */
  lastAt = -Infinity
  /** The last failed open, unless one has succeeded since. */
  openFailure: PoolSnapshot["openFailure"]
  private readonly rows: RingBuffer<ReadonlyArray<number>> | undefined
  private readonly notices = new RingBuffer<PoolEvent>(200)
  private readonly failures = new Failures()
  private readonly recentCounts = new RecentCounts()
  private readonly recentShares = new RecentShares()

  constructor(
    readonly id: number,
    readonly pool: ConnectionPool<any, unknown>,
    maxRows: number,
    /** The same pool, if it is one of endpoints. */
    private readonly ofEndpoints?: EndpointPool<any, unknown>
  ) {
    this.rows = maxRows > 0 ? new RingBuffer(maxRows) : undefined
  }

  addRow(at: number, stats: PoolStats, recent: Recent): void {
    this.lastAt = at
    this.rows?.push(valuesOf(at, stats, recent))
  }

  /** The statistics now, those of the last minute, and the endpoints. */
  get figures(): Effect.Effect<Figures> {
    return Effect.map(
      Effect.all([this.pool.stats, this.pool.times, this.ofEndpoints?.endpoints ?? Effect.succeed(undefined)]),
      ([stats, times, endpoints]) => ({
        stats,
        recent: this.recentCounts.at(stats, times),
        ...(endpoints === undefined ? {} : { endpoints: this.recentShares.at(stats.ageMillis, endpoints) })
      })
    )
  }

  /** Keeps a notice and returns it as the stream sends it. */
  addNotice(notice: PoolEvent): PoolEvent & { readonly id: number } {
    this.notices.push(notice)
    if (isFailure(notice)) this.failures.add(notice)
    if (notice._tag === "OpenFailed") this.openFailure = { at: notice.at, error: notice.error }
    if (notice._tag === "Opened") this.openFailure = undefined
    return { id: this.id, ...notice }
  }

  since(earliest: number): PoolHistory {
    return {
      id: this.id,
      name: this.pool.name,
      rows: this.rows?.toArray().filter((row) => row[0]! >= earliest) ?? [],
      notices: this.notices.toArray(),
      failures: this.failures.toArray()
    }
  }
}
