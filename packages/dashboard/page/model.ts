/** What is known of every pool, and what follows from it. */
import type { History, Notice, Point, PoolSnapshot } from "../src/Snapshot.js"

export interface Pool {
  readonly id: number
  name: string
  points: Array<Point>
  now: PoolSnapshot | undefined
  notices: Array<Notice["event"]>
  /** It was there before, and is not any more. */
  gone: boolean
}

const keptNotices = 200

export class Model {
  readonly pools = new Map<number, Pool>()
  hasActions = false
  private span = 600_000

  private of(id: number, name: string): Pool {
    const known = this.pools.get(id)
    if (known !== undefined) return known
    const made: Pool = { id, name, points: [], now: undefined, notices: [], gone: false }
    this.pools.set(id, made)
    return made
  }

  start(history: History): void {
    this.hasActions = history.hasActions
    for (const { id, name, points } of history.pools) this.of(id, name).points = [...points]
    for (const pool of this.pools.values()) pool.notices = []
    for (const notice of history.notices) this.note(notice)
  }

  note({ event, id }: Notice): void {
    const { notices } = this.of(id, event.pool)
    notices.unshift(event)
    notices.length = Math.min(notices.length, keptNotices)
  }

  see(at: number, snapshots: ReadonlyArray<PoolSnapshot>, pointOf: (snapshot: PoolSnapshot) => Point): void {
    for (const snapshot of snapshots) {
      const pool = this.of(snapshot.id, snapshot.name)
      pool.now = snapshot
      pool.gone = false
      const last = pool.points.at(-1)
      if (last !== undefined && last.at >= at) continue
      pool.points.push(pointOf(snapshot))
      while (pool.points[0]!.at < at - this.span) pool.points.shift()
    }
    const there = new Set(snapshots.map(({ id }) => id))
    for (const pool of this.pools.values()) pool.gone = !there.has(pool.id)
  }
}

/** What happened between the last two points, per second or on average. */
export const lately = ({ points }: Pool) => {
  const [before, last] = points.slice(-2)
  if (before === undefined || last === undefined) return { acquired: 0, failed: 0, wait: 0, use: 0 }
  const seconds = (last.at - before.at) / 1_000
  const mean = (total: number, count: number) => count > 0 ? total / count : 0
  return {
    acquired: (last.acquired - before.acquired) / seconds,
    failed: (last.failed - before.failed) / seconds,
    wait: mean(last.waitedMillis - before.waitedMillis, last.acquired - before.acquired),
    use: mean(last.heldMillis - before.heldMillis, last.holds - before.holds)
  }
}

export interface Verdict {
  readonly kind: "good" | "warn" | "bad" | "gone"
  readonly text: string
}

const number = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`

/** Whether all is well, in a sentence; the worst first. */
export const verdict = ({ gone, notices, now }: Pool): Verdict => {
  if (gone || now === undefined) return { kind: "gone", text: "Closed: the pool is no more." }
  const { closing, inUse, maxConnections, opening, pending } = now.stats
  const lastOpen = notices.find(({ _tag }) => _tag === "Opened" || _tag === "OpenFailed")
  if (notices.some(({ _tag }) => _tag === "Draining")) {
    return { kind: "warn", text: `Draining: ${number(inUse, "lease is", "leases are")} still out.` }
  }
  if (lastOpen?._tag === "OpenFailed") {
    return { kind: "bad", text: `Down: the last open failed with ${lastOpen.error}` }
  }
  const suspected = now.leases.filter(({ suspected }) => suspected).length
  if (suspected > 0) {
    return { kind: "warn", text: `Leaking? ${number(suspected, "lease is", "leases are")} held for too long.` }
  }
  if (pending > 0) {
    const full = inUse + opening + closing >= maxConnections ? ", and all connections are taken" : ""
    return { kind: "warn", text: `Waiting: ${number(pending, "borrower has", "borrowers have")} none${full}.` }
  }
  return { kind: "good", text: "Healthy: nobody waits." }
}
