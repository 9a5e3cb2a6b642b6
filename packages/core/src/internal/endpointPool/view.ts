/** The public interface of a pool of endpoints, and of its parts. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { count, text } from "../../checks/rules.js"
import { argument } from "../../checks/table.js"
import { type ConnectionPool, TypeId } from "../../ConnectionPool.js"
import type { EndpointPool, EndpointStatus } from "../../EndpointPoolModel.js"
import * as PoolAdvice from "../../PoolAdvice.js"
import {
  type BorrowError,
  ConnectionNotFoundError,
  type ConnectTimeoutError,
  type NoEndpointError,
  PoolClosedError
} from "../../PoolError.js"
import type { PoolEvent } from "../../PoolEvent.js"
import type { PoolLease } from "../../PoolLease.js"
import type { PoolStats } from "../../PoolStats.js"
import type { PoolTimes } from "../../PoolTimes.js"
import * as Borrow from "../borrow.js"
import { describeError } from "../describe.js"
import { atMost, withFiber } from "../effect/fiber.js"
import { PoolBase } from "../effect/tag.js"
import type { DurationInput } from "../effect/value.js"
import type { Engine } from "../engine.js"
import { guarded } from "../interruption.js"
import * as Operations from "../operations.js"
import { callTimeout, size } from "../options.js"
import { leases } from "../snapshot.js"
import type { Group } from "./group.js"
import type { Member } from "./member.js"
import * as Routing from "./routing.js"
import { Selection } from "./selection.js"

type Failure<E> = E | BorrowError | NoEndpointError

/** A pool of endpoints, or the part of it that is one endpoint or one tier. */
export class EndpointView<C, E> extends PoolBase<C, Failure<E>> implements ConnectionPool<C, E | NoEndpointError> {
  readonly [TypeId]: TypeId = TypeId
  readonly name: string
  readonly concurrency: number
  readonly get: Effect.Effect<C, Failure<E>, Scope.Scope>
  readonly exclusive: Effect.Effect<C, Failure<E>, Scope.Scope>
  readonly acquire: Effect.Effect<C, Failure<E>>
  readonly #selection: Selection<C, E>

  constructor(selection: Selection<C, E>) {
    super()
    this.#selection = selection
    this.name = selection.name
    this.concurrency = selection.group.settings.concurrency
    this.get = Routing.scoped(selection, false)
    this.exclusive = Routing.scoped(selection, this.concurrency > 1)
    this.acquire = Routing.manual(selection)
  }

  /** The parts that make up a pool of endpoints, or a part of one. */
  static selectionOf<C, E>(view: EndpointView<C, E>): Selection<C, E> {
    return view.#selection
  }

  protected get group(): Group<C, E> {
    return this.#selection.group
  }

  use<A, E2, R>(f: (connection: C) => Effect.Effect<A, E2, R>): Effect.Effect<A, Failure<E> | E2, R> {
    return guarded(Routing.used<C, E, A, E2, R>, this.#selection, f, false)
  }

  useExclusive<A, E2, R>(f: (connection: C) => Effect.Effect<A, E2, R>): Effect.Effect<A, Failure<E> | E2, R> {
    return guarded(Routing.used<C, E, A, E2, R>, this.#selection, f, this.concurrency > 1)
  }

  acquireWith(options: { readonly timeout: DurationInput }): Effect.Effect<C, Failure<E>> {
    return Effect.suspend(() => Routing.manual(this.#selection, callTimeout(options)))
  }

  /** Looks for a connection at all endpoints: that which it leads to may have left the tier meanwhile. */
  private search(has: (engine: Engine<C, E>) => boolean): boolean {
    return this.group.all.some(({ engine }) => has(engine))
  }

  private notFound(operation: ConnectionNotFoundError["operation"]): Effect.Effect<never, ConnectionNotFoundError> {
    return Effect.fail(new ConnectionNotFoundError({ pool: this.name, operation }))
  }

  release(connection: C): Effect.Effect<void, ConnectionNotFoundError> {
    return withFiber<void, ConnectionNotFoundError, never>((caller) =>
      this.search((engine) => Operations.release(engine, connection, caller)) ? Effect.void : this.notFound("release")
    )
  }

  drop(connection: C): Effect.Effect<void, ConnectionNotFoundError> {
    return Effect.suspend(() =>
      this.search((engine) => Operations.drop(engine, connection)) ? Effect.void : this.notFound("drop")
    )
  }

  dropById(connectionId: number): Effect.Effect<void, ConnectionNotFoundError> {
    return Effect.suspend(() =>
      this.search((engine) => Operations.dropById(engine, connectionId)) ? Effect.void : this.notFound("drop")
    )
  }

  reconnect(connection: C): Effect.Effect<C, Failure<E> | ConnectionNotFoundError> {
    return withFiber<C, Failure<E> | ConnectionNotFoundError, never>((caller) => {
      const owner = this.group.all.find(({ engine }) => Operations.leaseOf(engine, connection, caller) !== undefined)
      if (owner === undefined) return this.notFound("reconnect")
      const { group } = this
      // Nothing has changed: the lease goes on.
      if (owner.isRemoved && !group.isClosed) {
        return Effect.fail(new Selection(group, { endpoint: owner.endpoint.id }).missing(group.runtime.now()))
      }
      return Borrow.reconnect(owner.engine, connection)
    })
  }

  invalidate(connection: C): Effect.Effect<void> {
    return Effect.sync(() => {
      for (const { engine } of this.group.all) Operations.invalidate(engine, connection)
    })
  }

  get dropExpired(): Effect.Effect<number> {
    return Effect.sync(() =>
      this.#selection.members.reduce((sum, { engine }) => sum + Operations.dropExpired(engine), 0)
    )
  }

  get clear(): Effect.Effect<void> {
    return Effect.sync(() => this.group.clear(this.#selection.members))
  }

  resize(wanted: { readonly min?: number; readonly max?: number }): Effect.Effect<void> {
    return Effect.sync(() => {
      const { group } = this
      if (this.#selection.isWhole) {
        const { max, min } = size(wanted, { max: group.max, min: group.minConnections }, undefined)
        group.resize(max, min)
      } else {
        for (const { engine } of this.#selection.members) Operations.resize(engine, wanted)
      }
    })
  }

  get awaitReady(): Effect.Effect<void, E | NoEndpointError | ConnectTimeoutError | PoolClosedError> {
    const selection = this.#selection
    return Effect.suspend(() => {
      const since = this.group.runtime.now()
      return firstSet(selection).pipe(
        Effect.andThen(oneThere(selection, since)),
        Effect.andThen(oneIsReady(selection))
      )
    })
  }

  get close(): Effect.Effect<void> {
    return this.clear
  }

  get size(): Effect.Effect<number> {
    return Effect.sync(() => this.#selection.states.reduce((size, { open }) => size + open, 0))
  }

  get stats(): Effect.Effect<PoolStats> {
    return Effect.sync(() => this.#selection.statsNow)
  }

  get times(): Effect.Effect<PoolTimes> {
    return Effect.sync(() => this.#selection.times)
  }

  get events(): Stream.Stream<PoolEvent> {
    return this.group.hubs.all.values
  }

  get notices(): Stream.Stream<PoolEvent> {
    return this.group.hubs.withoutLeases.values
  }

  get leases(): Effect.Effect<ReadonlyArray<PoolLease>> {
    return Effect.sync(() => {
      const now = this.group.runtime.now()
      return this.#selection.states.flatMap((state) => [...leases(state, now)])
        .sort((a, b) => b.holder.heldMillis - a.holder.heldMillis)
    })
  }

  get advise(): Effect.Effect<PoolAdvice.PoolAdvice> {
    return Effect.map(this.stats, (stats) => PoolAdvice.advise({ stats, concurrency: this.concurrency }))
  }

  override toJSON(): unknown {
    return { _id: "@socketpool/core/EndpointPool", name: this.name, stats: this.#selection.statsNow }
  }
}

/** Waits for the first set, as long as a borrower would. */
const firstSet = <C, E>(selection: Selection<C, E>): Effect.Effect<void, NoEndpointError> =>
  Effect.suspend(() => {
    const { group } = selection
    if (group.hasSet) return Effect.void
    const since = group.runtime.now()
    const waited = atMost(group.found.opened, group.settings.acquireTimeout)
    return Effect.flatMap(
      waited,
      () => group.hasSet || group.isClosed ? Effect.void : Effect.fail(selection.missing(since))
    )
  })

/** Waits until the tier that was asked for has an endpoint, as long as a borrower would. */
const oneThere = <C, E>(selection: Selection<C, E>, since: number): Effect.Effect<void, NoEndpointError> =>
  Effect.suspend(() => {
    const { group, mayGrow, members } = selection
    if (members.length > 0 || group.isClosed) return Effect.void
    const left = since + group.settings.acquireTimeout - group.runtime.now()
    if (!mayGrow || left <= 0) return Effect.fail(selection.missing(since))
    return Effect.flatMap(atMost(group.roles!.answered.opened, left), () => oneThere(selection, since))
  })

/** Waits until one endpoint is ready, or until all have failed. */
const oneIsReady = <C, E>(
  selection: Selection<C, E>
): Effect.Effect<void, E | NoEndpointError | ConnectTimeoutError | PoolClosedError> =>
  Effect.suspend((): Effect.Effect<void, E | NoEndpointError | ConnectTimeoutError | PoolClosedError> => {
    const { group, members, name } = selection
    if (group.isClosed) return Effect.fail(new PoolClosedError({ pool: name }))
    return Effect.raceAll(members.map(({ engine }) => Borrow.awaitReady(engine)))
  })

export class EndpointPoolImpl<C, E> extends EndpointView<C, E> implements EndpointPool<C, E> {
  constructor(group: Group<C, E>, private readonly forget: Effect.Effect<void>) {
    super(new Selection(group, {}))
  }

  at(id: string): Effect.Effect<ConnectionPool<C, E | NoEndpointError>, NoEndpointError> {
    return Effect.suspend(() => {
      const selection = new Selection(this.group, { endpoint: argument("EndpointPool.at", "id", text, id) })
      return Effect.flatMap(firstSet(selection), () =>
        selection.members.length === 0
          ? Effect.fail(selection.missing(this.group.runtime.now()))
          : Effect.succeed(new EndpointView(selection)))
    })
  }

  tier(tier: number): ConnectionPool<C, E | NoEndpointError> {
    return new EndpointView(
      new Selection(this.group, { tier: argument("EndpointPool.tier", "tier", count(0), tier) })
    )
  }

  get endpoints(): Effect.Effect<ReadonlyArray<EndpointStatus>> {
    return Effect.sync(() => this.group.all.map((member) => statusOf(this.group, member)))
  }

  override get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.group.close()
      return Effect.andThen(this.group.done.opened, this.forget)
    })
  }
}

const statusOf = <C, E>(group: Group<C, E>, member: Member<C, E>): EndpointStatus => {
  const { endpoint, health, isRemoved, state } = member
  const { runtime } = group
  const now = runtime.now()
  const { host, id, port, weight } = endpoint
  return {
    id,
    host,
    port,
    tier: member.tier,
    weight,
    state: isRemoved ? "Draining" : health.isEjected ? "Ejected" : health.isWarming(now) ? "SlowStart" : "Up",
    inUse: state.inUse,
    idle: state.idle.length + state.expiring.length,
    opening: state.opening.length + state.aborting.length,
    waiting: state.pending,
    acquired: state.acquired,
    load: group.loadOf(member),
    failures: health.failures,
    ejections: health.ejections,
    ...(health.ejectedUntil === undefined || isRemoved
      ? {}
      : { ejectedUntil: Math.round(runtime.wallTime() + health.ejectedUntil - now) }),
    ...(health.lastError === undefined ? {} : { lastError: describeError(health.lastError.value) })
  }
}
