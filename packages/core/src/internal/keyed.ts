/** A pool for each key, under one budget. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Hash from "effect/Hash"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { callback, count, duration, name as nameRule, optional, orElse, that } from "../checks/rules.js"
import { argument, type Rows, Table } from "../checks/table.js"
import type { ConnectionPool } from "../ConnectionPool.js"
import type {
  KeyedOptions,
  KeyedPool,
  KeyedStats,
  KeyShare,
  KeyUsage,
  Options,
  PoolsOptions
} from "../KeyedPoolModel.js"
import { type BorrowError, ConnectionNotFoundError, PoolClosedError, PoolExhaustedError } from "../PoolError.js"
import type { PoolEvent } from "../PoolEvent.js"
import type { PoolLease } from "../PoolLease.js"
import * as Borrow from "./borrow.js"
import { BudgetImpl, isBudget } from "./budget/budget.js"
import { ConnectionPoolImpl } from "./connectionPool.js"
import {
  acquireForgettable,
  currentClock,
  type Holder,
  metricTags,
  runNow,
  stop,
  type Surroundings,
  surroundings,
  withFiber,
  withoutSpan,
  withScope
} from "./effect/fiber.js"
import { isComparable } from "./effect/value.js"
import type { Engine } from "./engine.js"
import { bufferedEvents, type Hubs } from "./eventBus.js"
import { bind, takeContext } from "./host.js"
import { Hub } from "./hub.js"
import { type Guard, guarded } from "./interruption.js"
import { type Linked, List } from "./list.js"
import * as Operations from "./operations.js"
import { defaults, poolOptions } from "./options.js"
import * as Registry from "./registry.js"
import * as PoolRuntime from "./runtime.js"
import { heldBy, leases, longestHolders, oldestWait } from "./snapshot.js"
import { State } from "./state.js"
import { Totals } from "./totals.js"

/** Makes the pool of one key; it must not wait. */
type MakePool<C, E, R> = (options: object) => Effect.Effect<ConnectionPool<C, E>, never, R>

/** The pool of one key. */
class Entry<K, C, E> implements Linked<Entry<K, C, E>> {
  prev: Entry<K, C, E> | undefined = undefined
  next: Entry<K, C, E> | undefined = undefined
  list: List<any> | undefined = undefined
  /** The sweep before which it was last in use. */
  seenIn = 0
  /** Whether it has been taken out of reach: once its waiters have been served, it closes. */
  isForgotten = false
  isClosing = false

  constructor(
    readonly key: K,
    readonly id: unknown,
    readonly number: number,
    readonly label: string | undefined,
    readonly pool: ConnectionPool<C, E>,
    readonly engine: Engine<C, E>
  ) {}

  get isUsed(): boolean {
    const { leased, pending, resetting } = this.engine.state
    return leased + pending + resetting.length > 0
  }
}

/** Entries by key. Objects that can tell whether they equal another are found by that. */
class Entries<K, C, E> {
  private readonly byIdentity = new Map<unknown, Entry<K, C, E>>()
  private readonly byHash = new Map<number, Array<Entry<K, C, E>>>()
  /** All of them, those used last at the end. */
  readonly recent = new List<Entry<K, C, E>>()

  find(id: unknown): Entry<K, C, E> | undefined {
    const entry = this.byIdentity.get(id)
    if (entry !== undefined || !isComparable(id)) return entry
    return this.byHash.get(Hash.hash(id))?.find((other) => Equal.equals(other.id, id))
  }

  add(entry: Entry<K, C, E>): void {
    this.recent.push(entry)
    const { id } = entry
    if (!isComparable(id)) return void this.byIdentity.set(id, entry)
    const hash = Hash.hash(id)
    const bucket = this.byHash.get(hash)
    if (bucket === undefined) this.byHash.set(hash, [entry])
    else bucket.push(entry)
  }

  remove(entry: Entry<K, C, E>): void {
    this.recent.remove(entry)
    const { id } = entry
    if (!isComparable(id)) return void this.byIdentity.delete(id)
    const hash = Hash.hash(id)
    const others = this.byHash.get(hash)!.filter((other) => other !== entry)
    if (others.length === 0) this.byHash.delete(hash)
    else this.byHash.set(hash, others)
  }

  /** Marks an entry as the one used last. */
  touch(entry: Entry<K, C, E>): void {
    if (this.recent.tail === entry) return
    this.recent.remove(entry)
    this.recent.push(entry)
  }
}

const isBusier = (entry: Entry<any, any, any>, other: Entry<any, any, any>): boolean => {
  const [one, two] = [entry.engine.state, other.engine.state]
  return one.pending !== two.pending
    ? one.pending > two.pending
    : one.inUse !== two.inUse
    ? one.inUse > two.inUse
    : one.slots.size > two.slots.size
}

/** Sweeps for idle keys in a `keyIdleTimeout`. */
const sweeps = 4

class KeyedPoolImpl<K, C, E> implements KeyedPool<K, C, E> {
  private readonly entries = new Entries<K, C, E>()
  /** Forgotten keys whose pools have not closed yet. */
  private readonly leaving = new Set<Entry<K, C, E>>()
  private readonly totals = new Totals()
  /** The keys of connections that were taken by `acquire`. */
  private readonly owners = new WeakMap<object, Entry<K, C, E>>()
  private readonly labels = new Set<string>()
  private readonly hubs: Hubs
  private readonly sweeper: ReturnType<PoolRuntime.PoolRuntime["forkQuietly"]>
  private readonly since: number
  private sweep = 0
  private lastNumber = 0
  private isClosed = false
  private forgotten = 0

  constructor(
    readonly name: string,
    private readonly options: Checked<K>,
    private readonly budget: BudgetImpl,
    private readonly runtime: PoolRuntime.PoolRuntime,
    private readonly makePool: (key: K, label: string | undefined) => Exit.Exit<ConnectionPool<C, E>>,
    /** Stands for the keyed pool itself in the metrics of its name. */
    private readonly own: State<never>
  ) {
    this.since = runtime.now()
    const hub = () => new Hub<PoolEvent>(runtime, bufferedEvents, () => false, () => this.isClosed)
    this.hubs = { all: hub(), withoutLeases: hub() }
    this.sweeper = runtime.forkQuietly(Effect.forever(Effect.andThen(
      Effect.sleep(Duration.millis(options.keyIdleTimeout / sweeps)),
      Effect.sync(() => this.forgetIdle())
    )))
  }

  // --- Keys ---------------------------------------------------------------------------------------------------------

  /** The engine of a key, or the reason why a borrow for it fails. */
  readonly engineFor = (key: K, caller: Holder): Engine<C, E> | Exit.Exit<never, BorrowError> => {
    const entry = this.entryFor(key, caller)
    return entry instanceof Entry ? entry.engine : entry
  }

  entryFor(key: K, caller: Holder): Entry<K, C, E> | Exit.Exit<never, PoolExhaustedError | PoolClosedError> {
    if (this.isClosed) return Exit.fail(new PoolClosedError({ pool: this.name }))
    const { identify } = this.options
    let id: unknown = key
    if (identify !== undefined) {
      try {
        id = identify(key)
      } catch (defect) {
        return Exit.die(defect)
      }
    }
    const known = this.entries.find(id)
    // Somebody may have closed the pool that `lookup` gave.
    if (known !== undefined && known.engine.state.phase === "Running") {
      known.seenIn = this.sweep
      this.entries.touch(known)
      return known
    }
    if (known !== undefined) this.takeOut(known)
    return this.add(key, id, caller)
  }

  private add(key: K, id: unknown, caller: Holder): Entry<K, C, E> | Exit.Exit<never, PoolExhaustedError> {
    if (this.entries.recent.length >= this.options.maxKeys) {
      const oldest = this.longestUnused()
      if (oldest === undefined) return Exit.fail(this.refuse(caller))
      this.takeOut(oldest)
    }
    let label: string | undefined
    try {
      label = this.labelOf(key)
    } catch (defect) {
      return Exit.die(defect)
    }
    const made = this.makePool(key, label)
    if (Exit.isFailure(made)) return made as Exit.Exit<never, never>
    const engine = ConnectionPoolImpl.engineOf(made.value) as Engine<C, E>
    const entry = new Entry(key, id, ++this.lastNumber, label, made.value, engine)
    Registry.hide(engine.state)
    engine.events.alsoTo(this.hubs)
    engine.seat!.onChange = () => this.changed(entry)
    entry.seenIn = this.sweep
    this.entries.add(entry)
    return entry
  }

  private longestUnused(): Entry<K, C, E> | undefined {
    for (const entry of this.entries.recent) if (!entry.isUsed) return entry
    return undefined
  }

  private refuse(caller: Holder): PoolExhaustedError {
    this.own.tooManyKeys++
    if (!this.hubs.all.isIdle || !this.hubs.withoutLeases.isIdle) {
      const event: PoolEvent = {
        _tag: "Exhausted",
        pool: this.name,
        at: this.runtime.wallTime(),
        reason: "TooManyKeys",
        waitedMillis: 0
      }
      this.hubs.all.publish(event)
      this.hubs.withoutLeases.publish(event)
    }
    const states = this.states
    const now = this.runtime.now()
    return new PoolExhaustedError({
      pool: this.name,
      reason: "TooManyKeys",
      waitedMillis: 0,
      heldByCaller: states.reduce((held, state) => held + heldBy(state, caller), 0),
      stats: this.statsNow,
      longestHolders: states.flatMap((state) => [...longestHolders(state, now)])
        .sort((a, b) => b.heldMillis - a.heldMillis).slice(0, 3)
    })
  }

  private labelOf(key: K): string | undefined {
    const label = this.options.label?.(key)
    if (label === undefined) return undefined
    const checked = argument("KeyedPool.make", "label", nameRule, label)
    if (this.labels.has(checked)) return checked
    if (this.labels.size >= this.options.maxLabels) return "other"
    this.labels.add(checked)
    return checked
  }

  /** Takes a key out of reach. Its pool closes as soon as nobody waits for a connection of it. */
  private takeOut(entry: Entry<K, C, E>): void {
    this.entries.remove(entry)
    this.leaving.add(entry)
    this.forgotten++
    entry.isForgotten = true
    this.changed(entry)
  }

  /** A pool has changed. */
  private changed(entry: Entry<K, C, E>): void {
    if (!entry.isForgotten) return
    const { state } = entry.engine
    if (state.phase === "Closed") {
      if (this.leaving.delete(entry)) this.totals.forget(state)
    } else if (!entry.isClosing && state.pending === 0) {
      entry.isClosing = true
      this.runtime.fork(entry.pool.close)
    }
  }

  /** Forgets the keys that have been idle for `keyIdleTimeout`. */
  private forgetIdle(): void {
    this.sweep++
    for (const entry of this.entries.recent) {
      const { pending, slots } = entry.engine.state
      if (slots.size + pending > 0) entry.seenIn = this.sweep
      else if (this.sweep - entry.seenIn > sweeps) this.takeOut(entry)
    }
  }

  private get all(): ReadonlyArray<Entry<K, C, E>> {
    return [...this.entries.recent, ...this.leaving]
  }

  private get states(): ReadonlyArray<State<C>> {
    return this.all.map(({ engine }) => engine.state)
  }

  // --- Calls --------------------------------------------------------------------------------------------------------

  use<A, E2, R>(key: K, f: (connection: C) => Effect.Effect<A, E2, R>): Effect.Effect<A, E | E2 | BorrowError, R> {
    return guarded(used<K, C, E, A, E2, R>, this, key, f)
  }

  get(key: K): Effect.Effect<C, E | BorrowError, Scope.Scope> {
    return Borrow.scopedIn((caller) => this.engineFor(key, caller), false)
  }

  acquire(key: K): Effect.Effect<C, E | BorrowError> {
    let entry: ReturnType<typeof this.entryFor>
    const borrowed = Borrow.manualIn((caller) => {
      entry = this.entryFor(key, caller)
      return entry instanceof Entry ? entry.engine : entry
    })
    return Effect.map(borrowed, (connection) => {
      if (typeof connection === "object" && connection !== null && entry instanceof Entry) {
        this.owners.set(connection, entry)
      }
      return connection
    })
  }

  /** Tries the pools for one that has a connection: first the one that it was taken from. */
  private search(connection: C, has: (engine: Engine<C, E>) => boolean): boolean {
    const owner = typeof connection === "object" && connection !== null ? this.owners.get(connection) : undefined
    return (owner !== undefined && has(owner.engine)) || this.all.some(({ engine }) => has(engine))
  }

  private notFound(operation: "release" | "drop"): Effect.Effect<never, ConnectionNotFoundError> {
    return Effect.fail(new ConnectionNotFoundError({ pool: this.name, operation }))
  }

  release(connection: C): Effect.Effect<void, ConnectionNotFoundError> {
    return withFiber<void, ConnectionNotFoundError, never>((caller) =>
      this.search(connection, (engine) => Operations.release(engine, connection, caller))
        ? Effect.void
        : this.notFound("release")
    )
  }

  drop(connection: C): Effect.Effect<void, ConnectionNotFoundError> {
    return Effect.suspend(() =>
      this.search(connection, (engine) => Operations.drop(engine, connection)) ? Effect.void : this.notFound("drop")
    )
  }

  invalidate(connection: C): Effect.Effect<void> {
    return Effect.sync(() => {
      for (const { engine } of this.all) Operations.invalidate(engine, connection)
    })
  }

  lookup(key: K): Effect.Effect<ConnectionPool<C, E>, PoolExhaustedError | PoolClosedError> {
    return withFiber<ConnectionPool<C, E>, PoolExhaustedError | PoolClosedError, never>((caller) => {
      const entry = this.entryFor(key, caller)
      return entry instanceof Entry ? Effect.succeed(entry.pool) : entry
    })
  }

  get keys(): Effect.Effect<ReadonlyArray<K>> {
    return Effect.sync(() => Array.from(this.entries.recent, ({ key }) => key))
  }

  forget(key: K): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { identify } = this.options
      const entry = this.entries.find(identify === undefined ? key : identify(key))
      if (entry === undefined) return Effect.void
      this.takeOut(entry)
      return entry.engine.done.opened
    })
  }

  get clear(): Effect.Effect<void> {
    return Effect.suspend(() => Effect.forEach(this.all, ({ pool }) => pool.clear, { discard: true }))
  }

  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!this.isClosed) {
        this.isClosed = true
        stop(this.sweeper)
        // Otherwise the places of one key would open connections of the next.
        this.budget.freeze()
      }
      return Effect.andThen(
        Effect.forEach(this.all, ({ pool }) => pool.close, { concurrency: "unbounded", discard: true }),
        Effect.sync(() => {
          this.hubs.all.end()
          this.hubs.withoutLeases.end()
          // Only now: connections that close take up their places.
          this.budget.close()
          Registry.leave(this.own)
        })
      )
    })
  }

  get size(): Effect.Effect<number> {
    return Effect.sync(() => this.states.reduce((size, { open }) => size + open, 0))
  }

  get stats(): Effect.Effect<KeyedStats> {
    return Effect.sync(() => this.statsNow)
  }

  private get statsNow(): KeyedStats {
    const now = this.runtime.now()
    return {
      ...this.totals.stats(this.states, this.options.maxConnections, now - this.since, now),
      keys: this.entries.recent.length,
      maxKeys: this.options.maxKeys,
      wanted: this.budget.lacks,
      forgotten: this.forgotten,
      tooManyKeys: this.own.tooManyKeys
    }
  }

  busiest(most: number): Effect.Effect<ReadonlyArray<KeyUsage>> {
    return Effect.sync(() => {
      const now = this.runtime.now()
      return this.busiestOf(argument("KeyedPool.busiest", "most", count(0), most))
        .map(({ engine: { seat, state }, label, number }) => ({
          number,
          ...(label === undefined ? {} : { label }),
          held: seat?.held ?? 0,
          inUse: state.inUse,
          idle: state.idle.length + state.expiring.length,
          pending: state.pending,
          oldestWaitMillis: oldestWait(state, now),
          wanted: seat?.lacks ?? 0
        }))
    })
  }

  /** Keeps the best so far, so that it costs little more than one look at each key. */
  private busiestOf(most: number): ReadonlyArray<Entry<K, C, E>> {
    const found: Array<Entry<K, C, E>> = []
    for (const entry of this.all) {
      if (found.length >= most && (most === 0 || !isBusier(entry, found.at(-1)!))) continue
      const at = found.findIndex((other) => isBusier(entry, other))
      found.splice(at === -1 ? found.length : at, 0, entry)
      if (found.length > most) found.pop()
    }
    return found
  }

  get events(): Stream.Stream<PoolEvent> {
    return this.hubs.all.values
  }

  get leases(): Effect.Effect<ReadonlyArray<PoolLease>> {
    return Effect.sync(() =>
      this.states.flatMap((state) => [...leases(state, this.runtime.now())])
        .sort((a, b) => b.holder.heldMillis - a.holder.heldMillis)
    )
  }
}

const used = <K, C, E, A, E2, R>(
  fiber: Holder,
  guard: Guard,
  keyed: KeyedPoolImpl<K, C, E>,
  key: K,
  f: (connection: C) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E | E2 | BorrowError, R> => {
  const engine = keyed.engineFor(key, fiber)
  return Exit.isExit(engine) ? engine : Borrow.used(fiber, guard, engine, f, false)
}

// --- Making ---------------------------------------------------------------------------------------------------------

type OwnOptions = Omit<KeyedOptions<any, any, any, any>, "open" | "name">

const ownOptions = {
  open: callback,
  maxConnections: orElse(count(1), defaults.maxConnections),
  maxConnectionsPerKey: optional(count(1)),
  maxKeys: orElse(count(1), 1_000),
  keyIdleTimeout: orElse(duration("more than 0"), "60 seconds"),
  options: optional(callback),
  identify: optional(callback),
  weight: optional(callback),
  label: optional(callback),
  maxLabels: orElse(count(0), 20),
  budget: optional(that<BudgetImpl>(isBudget, "a Budget"))
} satisfies Rows<OwnOptions & { readonly open: unknown }>

const keyOptions = poolOptions.without("open", "name", "maxConnections", "budget", "budgetWeight")

/** Checks the options of all keys together. Those of a key's pool are checked when that is made, too. */
const keyedOptions = new Table({ ...keyOptions.rules, ...ownOptions, name: optional(nameRule) })

const poolsOptions = new Table({ ...ownOptions, make: callback, name: optional(nameRule) }).without("open", "options")

interface Checked<K> {
  readonly maxConnections: number
  readonly maxKeys: number
  readonly keyIdleTimeout: number
  readonly identify: ((key: K) => unknown) | undefined
  readonly label: ((key: K) => string | undefined) | undefined
  readonly maxLabels: number
}

interface Shared<K> extends Checked<K> {
  readonly name: string | undefined
  readonly maxConnectionsPerKey: number | undefined
  readonly weight: ((key: K) => number) | undefined
  readonly budget: BudgetImpl | undefined
}

export const make = <K, C, E, R>(
  options: Options<K, C, E, any>,
  makePool: MakePool<C, E, R>
): Effect.Effect<KeyedPool<K, C, E>, never, R | Scope.Scope> =>
  made<K, C, E, R, ReturnType<typeof keyedOptions.read>>(
    () => keyedOptions.read("KeyedPool.make", options),
    (checked) => {
      const common = keyOptions.pick(checked)
      return (key, share) => makePool({ ...common, ...checked.options?.(key), open: checked.open(key), ...share })
    }
  )

export const fromPools = <K, C, E, R>(
  options: PoolsOptions<K, C, E, any>
): Effect.Effect<KeyedPool<K, C, E>, never, R | Scope.Scope> =>
  made<K, C, E, R, ReturnType<typeof poolsOptions.read>>(
    () => poolsOptions.read("KeyedPool.fromPools", options),
    ({ make }) => make as MakeOf<K, C, E, R>
  )

type MakeOf<K, C, E, R> = (key: K, share: KeyShare) => Effect.Effect<ConnectionPool<C, E>, never, R>

const made = <K, C, E, R, O extends Shared<K>>(
  read: () => O,
  makeOf: (options: O) => MakeOf<K, C, E, R>
): Effect.Effect<KeyedPool<K, C, E>, never, R | Scope.Scope> =>
  Effect.flatMap(
    surroundings<R>(),
    (given) =>
      Effect.flatMap(currentClock, (clock: Clock.Clock) =>
        acquireForgettable<KeyedPool<K, C, E>>((forget) => {
          const options = read()
          const makePool = makeOf(options)
          const { maxConnections, maxConnectionsPerKey = maxConnections, weight } = options
          const name = options.name ?? Registry.freeName()
          const around = withoutSpan(given)
          const context = takeContext()
          const runtime = PoolRuntime.make(name, around as Surroundings<never>, clock, context)
          const budget = new BudgetImpl(name, maxConnections, 1_000, runtime)
          if (options.budget !== undefined) budget.nestIn(options.budget, 1)
          // Every pool closes itself; the scope only takes their finalizers.
          const scope = Effect.runSync(Scope.make())
          const inScope = withScope(around, scope) as Surroundings<R>
          const poolFor = bind(context, (key: K, label: string | undefined): Exit.Exit<ConnectionPool<C, E>> => {
            try {
              return runNow(
                inScope,
                makePool(key, {
                  name: label === undefined ? name : `${name}[${label}]`,
                  maxConnections: Math.min(maxConnectionsPerKey, maxConnections),
                  budget,
                  budgetWeight: weight?.(key) ?? 1
                })
              )
            } catch (defect) {
              return Exit.die(defect)
            }
          })
          // Keeps the metrics of the name while all keys are forgotten.
          const state = new State<never>(emptyLimits)
          const pool = new KeyedPoolImpl<K, C, E>(
            name,
            options,
            budget,
            runtime,
            poolFor,
            state
          )
          budget.owner = pool
          Registry.enterKeyed(pool, state, () => runtime.now(), metricTags(around))
          return { value: pool, close: Effect.andThen(pool.close, forget) }
        }))
  )

const emptyLimits = {
  max: 0,
  min: 0,
  initial: 0,
  maxConnecting: 1,
  concurrency: 1,
  maxUses: Infinity,
  lifo: true,
  fewest: false,
  connectTimeout: Infinity,
  idleTimeout: Infinity,
  keepaliveTime: Infinity,
  validateTimeout: Infinity,
  closeTimeout: 0,
  fatalPause: 0
}
