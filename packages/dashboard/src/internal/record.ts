/** The history of one pool, kept for pages that are opened later. Its size is bounded, whatever the pool does. */
import type { ConnectionPool } from "@socketpool/core/Pool"
import type { PoolEvent } from "@socketpool/core/PoolEvent"
import type { PoolStats } from "@socketpool/core/PoolStats"
import type { PoolHistory } from "../History.js"
import { errorText } from "./errorText.js"
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

const readable = (event: PoolEvent): PoolEvent =>
  event._tag === "OpenFailed" ? { ...event, error: errorText(event.error) } : event

export class PoolRecord {
  /** The time of the last row, in milliseconds since 1970. */
  lastAt = -Infinity
  private readonly rows: RingBuffer<ReadonlyArray<number>> | undefined
  private readonly notices = new RingBuffer<PoolEvent>(200)
  private readonly failures = new RingBuffer<PoolEvent>(20)

  constructor(readonly id: number, readonly pool: ConnectionPool<any, unknown>, maxRows: number) {
    this.rows = maxRows > 0 ? new RingBuffer(maxRows) : undefined
  }

  addRow(at: number, stats: PoolStats): void {
    this.lastAt = at
    this.rows?.push(valuesOf(at, stats))
  }

  /** Keeps a notice and returns it as the stream sends it. */
  addNotice(event: PoolEvent): PoolEvent & { readonly id: number } {
    const notice = readable(event)
    this.notices.push(notice)
    if (notice._tag === "OpenFailed" || notice._tag === "Exhausted") this.failures.push(notice)
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
