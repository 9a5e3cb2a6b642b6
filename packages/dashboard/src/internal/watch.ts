/**
 * The watcher of all pools: finds and numbers them, records their figures and notices, and feeds the stream's readers.
 */
import * as EndpointPool from "@socketpool/core/EndpointPool"
import type { ConnectionPool } from "@socketpool/core/Pool"
import { Pool } from "@socketpool/core/Pool"
import * as PoolAdvice from "@socketpool/core/PoolAdvice"
import type { PoolLease } from "@socketpool/core/PoolLease"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { History } from "../History.js"
import type { LeaseSnapshot, PoolSnapshot, Snapshot } from "../Snapshot.js"
import { Budgets } from "./budgets.js"
import { scopedStream } from "./effect.js"
import type { Resolved } from "./options.js"
import { Outbox } from "./outbox.js"
import { PoolRecord } from "./record.js"
import { columns } from "./row.js"
import { pause } from "./timer.js"

/** The most leases of a pool in a snapshot, and of one connection, which many may share. */
const maxLeases = 200
const maxLeasesOfOne = 8
/** The most rows kept of a pool. A chart has no more pixels than that to show them. */
const maxRows = 1_200
/** The most closed pools that are kept, because some programs make pools by the thousand. */
const maxClosed = 50
/** The longest time until a new pool is found, in milliseconds; notices before that are lost. */
const discoveryMillis = 250
/** The most readers that can follow the stream at once. */
export const maxReaders = 64
/** A reader whose frame lies unread for this long, in milliseconds and in intervals, makes room for another one. */
const stuckMillis = 1_000
const stuckIntervals = 2
/** So does the reader of longest standing after this time, in milliseconds; a page connects again by itself. */
const termMillis = 60_000

/** One reader of the stream. */
interface Reader {
  readonly outbox: Outbox
  readonly since: number
  /** Cuts the connection: a reader that reads nothing does not see the end of its stream. */
  readonly cut: () => void
}

type AnyPool = ConnectionPool<any, unknown>

const frame = (event: string, data: unknown): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`

const longest = (leases: ReadonlyArray<PoolLease>): ReadonlyArray<LeaseSnapshot> => {
  const ofOne = new Map<number, number>()
  const shown: Array<PoolLease> = []
  for (const lease of leases) {
    const before = ofOne.get(lease.connectionId) ?? 0
    ofOne.set(lease.connectionId, before + 1)
    if (before < maxLeasesOfOne && shown.length < maxLeases) shown.push(lease)
  }
  return shown.map((lease) => ({ ...lease, connectionLeases: ofOne.get(lease.connectionId)! }))
}

const snapshotOf = (record: PoolRecord): Effect.Effect<PoolSnapshot> => {
  const { figures, id, pool } = record
  return Effect.map(
    Effect.all([figures, pool.leases]),
    ([{ endpoints, recent, stats }, leases]) => ({
      id,
      name: pool.name,
      stats,
      recent,
      ...(record.openFailure === undefined ? {} : { openFailure: record.openFailure }),
      leases: longest(leases),
      ...(endpoints === undefined ? {} : { endpoints }),
      advice: PoolAdvice.advise({ stats, concurrency: pool.concurrency })
    })
  )
}

export class Watch {
  private readonly records = new Map<AnyPool, PoolRecord>()
  /** The readers, the one of longest standing first. */
  private readonly readers = new Set<Reader>()
  private running: ReadonlyArray<AnyPool> = []
  private lastId = 0
  private startedAt = 0
  private hasEnded = false
  /** The shortest time between two rows, in milliseconds. */
  private readonly rowMillis: number

  constructor(
    private readonly options: Resolved,
    private readonly listeners: FiberSet.FiberSet,
    private readonly budgets: Budgets
  ) {
    this.rowMillis = Math.max(options.interval, options.history / maxRows)
  }

  /** Finds new pools, listens to their notices, and forgets pools that closed long ago. */
  private readonly discover = Effect.gen(this, function*() {
    this.running = yield* Pool.running
    const ofEndpoints = yield* EndpointPool.running
    for (const pool of this.running) {
      if (this.records.has(pool)) continue
      const rows = Math.ceil(this.options.history / this.rowMillis)
      const record = new PoolRecord(++this.lastId, pool, rows, ofEndpoints.find((one) => one === pool))
      this.records.set(pool, record)
      yield* FiberSet.run(
        this.listeners,
        Stream.runForEach(
          pool.notices,
          (event) =>
            Effect.map(
              Clock.currentTimeMillis,
              (at) => this.broadcast((outbox, text) => outbox.putNotice(text, at), "notice", record.addNotice(event))
            )
        )
      )
    }
    const isRunning = new Set(this.running)
    const closed = [...this.records.values()].filter(({ pool }) => !isRunning.has(pool))
    const oldest = (yield* Clock.currentTimeMillis) - this.options.history
    for (const [i, { lastAt, pool }] of closed.entries()) {
      if (i < closed.length - maxClosed || lastAt < oldest) this.records.delete(pool)
    }
    yield* this.budgets.discover
  })

  private broadcast(put: (outbox: Outbox, text: string) => void, event: string, data: unknown): void {
    if (this.readers.size === 0) return
    const text = frame(event, data)
    for (const { outbox } of this.readers) put(outbox, text)
  }

  private readonly sample = Effect.gen(this, function*() {
    yield* this.discover
    const at = yield* Clock.currentTimeMillis
    for (const pool of this.running) {
      const record = this.records.get(pool)
      // Timers fire late now and then; without half an interval of tolerance every second row would be skipped.
      if (record === undefined || at - record.lastAt < this.rowMillis - this.options.interval / 2) continue
      const { recent, stats } = yield* record.figures
      record.addRow(at, stats, recent)
    }
    // Builds no snapshot without a reader.
    if (this.readers.size === 0) return
    this.broadcast((outbox, text) => outbox.putSnapshot(text, at), "pools", yield* this.snapshot)
  })

  /** Starts the watch, which ends with the scope. */
  readonly start: Effect.Effect<void, never, Scope.Scope> = Effect.gen(this, function*() {
    this.startedAt = yield* Clock.currentTimeMillis
    yield* this.discover
    const every = (millis: number) => <A>(effect: Effect.Effect<A>) =>
      Effect.forkScoped(Effect.forever(Effect.andThen(effect, pause(millis))))
    yield* this.sample.pipe(every(this.options.interval))
    if (this.options.interval > discoveryMillis) yield* this.discover.pipe(every(discoveryMillis))
    yield* Effect.addFinalizer(() => Effect.sync(() => this.end()))
  })

  private end(): void {
    this.hasEnded = true
    for (const { outbox } of this.readers) outbox.end()
  }

  readonly snapshot: Effect.Effect<Snapshot> = Effect.gen(this, function*() {
    yield* this.discover
    const records = this.running.flatMap((pool) => this.records.get(pool) ?? [])
    const pools = yield* Effect.forEach(records, snapshotOf)
    const ids = new Map<unknown, number>(records.map(({ id, pool }) => [pool, id]))
    const figures = yield* this.budgets.figures((pool) => ids.get(pool))
    return { at: yield* Clock.currentTimeMillis, pools, ...figures }
  })

  readonly history: Effect.Effect<History> = Effect.gen(this, function*() {
    yield* this.discover
    const earliest = (yield* Clock.currentTimeMillis) - this.options.history
    return {
      startedAt: this.startedAt,
      intervalMillis: this.options.interval,
      historyMillis: this.options.history,
      actions: this.options.token !== undefined,
      columns,
      pools: Array.from(this.records.values(), (record) => record.since(earliest))
    }
  })

  /** Returns the reader that has to make room for another one: the one that has read nothing for longest, if any. */
  private victim(now: number): Reader | undefined {
    const stuckSince = now - Math.max(stuckMillis, stuckIntervals * this.options.interval)
    const unread = ({ outbox }: Reader) => outbox.unreadSince ?? Infinity
    const all = [...this.readers]
    const stuck = all.filter((reader) => unread(reader) <= stuckSince).sort((a, b) => unread(a) - unread(b))
    // The system buffers what is sent, so a reader that reads nothing can look as if it read for an hour.
    return stuck[0] ?? all.find(({ since }) => since <= now - termMillis)
  }

  /** Makes room for a reader. Returns false if there is none. */
  private makeRoom(now: number): boolean {
    if (this.readers.size < maxReaders) return true
    const victim = this.victim(now)
    if (victim === undefined) return false
    this.readers.delete(victim)
    victim.outbox.end()
    victim.cut()
    return true
  }

  /**
   * Adds a reader and returns its frames, which end with the reader or the watch; `undefined` if there are too many.
   * `cut` cuts the reader's connection.
   */
  readonly subscribe = (cut: () => void): Effect.Effect<Stream.Stream<Uint8Array> | undefined> =>
    Effect.map(Clock.currentTimeMillis, (since) => {
      if (!this.makeRoom(since)) return undefined
      const subscription = Effect.acquireRelease(
        Effect.gen(this, function*() {
          const reader: Reader = { outbox: new Outbox(), since, cut }
          reader.outbox.putSnapshot(frame("pools", yield* this.snapshot), since)
          // Others may have come since there was room.
          if (this.hasEnded || !this.makeRoom(since)) reader.outbox.end()
          else this.readers.add(reader)
          return reader
        }),
        (reader) => Effect.sync(() => this.readers.delete(reader))
      )
      return scopedStream(Effect.map(subscription, ({ outbox }) => outbox.frames))
    })

  /** Finds the running pool with a number. */
  pool(id: string): Effect.Effect<AnyPool | undefined> {
    return Effect.map(this.discover, () => this.running.find((pool) => String(this.records.get(pool)?.id) === id))
  }
}

/** Watches all pools of the process until the scope closes. */
export const watch = (options: Resolved): Effect.Effect<Watch, never, Scope.Scope> =>
  Effect.gen(function*() {
    const budgets = new Budgets(yield* FiberSet.make())
    const watch = new Watch(options, yield* FiberSet.make(), budgets)
    yield* watch.start
    return watch
  })
