/** What is kept of one pool for a page that is opened later. Its size is bounded, whatever the pool does. */
import type { ConnectionPool } from "@socketpool/core/Pool"
import type { PoolEvent } from "@socketpool/core/PoolEvent"
import type { PoolStats } from "@socketpool/core/PoolStats"
import type { PoolHistory } from "../History.js"
import { valuesOf } from "./row.js"

/** The last so many of whatever comes. */
export class Last<A> {
  private readonly items: Array<A> = []
  private next = 0

  constructor(private readonly most: number) {}

  push(item: A): void {
    this.items[this.next] = item
    this.next = (this.next + 1) % this.most
  }

  /** Oldest first. */
  toArray(): Array<A> {
    return this.items.length < this.most ?
      this.items.slice() :
      [...this.items.slice(this.next), ...this.items.slice(0, this.next)]
  }
}

/** An error's message can be as long as its maker likes. */
const longest = 2_000

const clipped = (event: PoolEvent): PoolEvent =>
  event._tag === "OpenFailed" && event.error.length > longest ?
    { ...event, error: `${event.error.slice(0, longest)}…` } :
    event

export class PoolRecord {
  /** When the last row was noted. */
  lastAt = -Infinity
  private readonly rows: Last<ReadonlyArray<number>> | undefined
  private readonly notices = new Last<PoolEvent>(200)
  private readonly failures = new Last<PoolEvent>(20)

  constructor(readonly id: number, readonly pool: ConnectionPool<any, unknown>, rows: number) {
    this.rows = rows > 0 ? new Last(rows) : undefined
  }

  note(at: number, stats: PoolStats): void {
    this.lastAt = at
    this.rows?.push(valuesOf(at, stats))
  }

  /** Keeps a notice; what is to be told of it. */
  hear(event: PoolEvent): PoolEvent & { readonly id: number } {
    const told = clipped(event)
    this.notices.push(told)
    if (told._tag === "OpenFailed" || told._tag === "Exhausted") this.failures.push(told)
    return { id: this.id, ...told }
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
