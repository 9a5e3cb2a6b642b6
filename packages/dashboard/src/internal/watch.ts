/** Watches over all pools of the process: numbers them, notes their figures, listens to their notices, tells readers. */
import type { ConnectionPool } from "@socketpool/core/Pool"
import { Pool } from "@socketpool/core/Pool"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { History } from "../History.js"
import type { PoolSnapshot, Snapshot } from "../Snapshot.js"
import type { Resolved } from "./options.js"
import { Outbox } from "./outbox.js"
import { PoolRecord } from "./record.js"
import { columns } from "./row.js"

/** How many leases a snapshot tells of a pool. */
const mostLeases = 200
/** How many rows are kept of a pool: more than a chart has pixels for helps nobody. */
const mostRows = 1_200
/** How many pools that have closed are remembered: some programs make pools by the thousand. */
const mostClosed = 50
/** How soon a new pool is found, in milliseconds, so that little of what it says is missed. */
const soon = 250
/** How many readers there may be at once. */
export const mostReaders = 64

/** A pause for which the process need not stay alive. */
const pause = (millis: number): Effect.Effect<void> =>
  Effect.async((resume) => {
    const timer = setTimeout(() => resume(Effect.void), millis).unref()
    return Effect.sync(() => clearTimeout(timer))
  })

type AnyPool = ConnectionPool<any, unknown>

const frame = (event: string, data: unknown): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`

const snapshotOf = ({ id, pool }: PoolRecord): Effect.Effect<PoolSnapshot> =>
  Effect.map(
    Effect.all([pool.stats, pool.leases, pool.advise]),
    ([stats, leases, advice]) => ({ id, name: pool.name, stats, leases: leases.slice(0, mostLeases), advice })
  )

export class Watch {
  private readonly records = new Map<AnyPool, PoolRecord>()
  private readonly readers = new Set<Outbox>()
  private running: ReadonlyArray<AnyPool> = []
  private lastId = 0
  private startedAt = 0
  private isOver = false
  /** How far apart rows are, in milliseconds. */
  private readonly spacing: number

  constructor(private readonly options: Resolved, private readonly ears: FiberMap.FiberMap<AnyPool>) {
    this.spacing = Math.max(options.interval, options.history / mostRows)
  }

  /** Finds pools that are new, listens to them, and forgets those that closed long ago. */
  private readonly look = Effect.gen(this, function*() {
    this.running = yield* Pool.running
    for (const pool of this.running) {
      if (this.records.has(pool)) continue
      const record = new PoolRecord(++this.lastId, pool, Math.ceil(this.options.history / this.spacing))
      this.records.set(pool, record)
      yield* FiberMap.run(
        this.ears,
        pool,
        Stream.runForEach(
          pool.notices,
          (event) =>
            Effect.sync(() => this.tell((outbox, text) => outbox.putNotice(text), "notice", record.hear(event)))
        )
      )
    }
    const isRunning = new Set(this.running)
    const closed = [...this.records.values()].filter(({ pool }) => !isRunning.has(pool))
    const oldest = (yield* Clock.currentTimeMillis) - this.options.history
    for (const [i, { lastAt, pool }] of closed.entries()) {
      if (i < closed.length - mostClosed || lastAt < oldest) this.records.delete(pool)
    }
  })

  private tell(put: (outbox: Outbox, text: string) => void, event: string, data: unknown): void {
    if (this.readers.size === 0) return
    const text = frame(event, data)
    for (const outbox of this.readers) put(outbox, text)
  }

  private readonly sample = Effect.gen(this, function*() {
    yield* this.look
    const at = yield* Clock.currentTimeMillis
    for (const pool of this.running) {
      const record = this.records.get(pool)
      // Timers are late now and then; half an interval of tolerance keeps every second row from falling out.
      if (record === undefined || at - record.lastAt < this.spacing - this.options.interval / 2) continue
      record.note(at, yield* pool.stats)
    }
    // What nobody reads is not put together.
    if (this.readers.size === 0) return
    this.tell((outbox, text) => outbox.putSnapshot(text), "pools", yield* this.snapshot)
  })

  /** Runs for as long as the scope lives. */
  readonly start: Effect.Effect<void, never, Scope.Scope> = Effect.gen(this, function*() {
    this.startedAt = yield* Clock.currentTimeMillis
    yield* this.look
    const every = (millis: number) => <A>(effect: Effect.Effect<A>) =>
      Effect.forkScoped(Effect.forever(Effect.zipRight(effect, pause(millis))))
    yield* this.sample.pipe(every(this.options.interval))
    if (this.options.interval > soon) yield* this.look.pipe(every(soon))
    yield* Effect.addFinalizer(() => Effect.sync(() => this.end()))
  })

  private end(): void {
    this.isOver = true
    for (const outbox of this.readers) outbox.end()
  }

  readonly snapshot: Effect.Effect<Snapshot> = Effect.gen(this, function*() {
    yield* this.look
    const records = this.running.flatMap((pool) => this.records.get(pool) ?? [])
    const pools = yield* Effect.forEach(records, snapshotOf)
    return { at: yield* Clock.currentTimeMillis, pools }
  })

  readonly history: Effect.Effect<History> = Effect.gen(this, function*() {
    yield* this.look
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

  /** The frames for one more reader, until it goes or the watch ends; `undefined` when there are too many. */
  readonly read: Effect.Effect<Stream.Stream<Uint8Array> | undefined> = Effect.sync(() => {
    if (this.readers.size >= mostReaders) return undefined
    const enter = Effect.acquireRelease(
      Effect.gen(this, function*() {
        const outbox = new Outbox()
        outbox.putSnapshot(frame("pools", yield* this.snapshot))
        if (this.isOver) outbox.end()
        this.readers.add(outbox)
        return outbox
      }),
      (outbox) => Effect.sync(() => this.readers.delete(outbox))
    )
    return Stream.unwrapScoped(Effect.map(enter, (outbox) => outbox.frames))
  })

  /** The running pool of that number. */
  pool(id: string): Effect.Effect<AnyPool | undefined> {
    return Effect.map(this.look, () => this.running.find((pool) => String(this.records.get(pool)?.id) === id))
  }
}

/** Watches over all pools for as long as the scope lives. */
export const watch = (options: Resolved): Effect.Effect<Watch, never, Scope.Scope> =>
  Effect.gen(function*() {
    const watch = new Watch(options, yield* FiberMap.make<AnyPool>())
    yield* watch.start
    return watch
  })
