/** The public interface of a pool, over its engine. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { type ConnectionPool, TypeId } from "../ConnectionPool.js"
import * as PoolAdvice from "../PoolAdvice.js"
import {
  type BorrowError,
  ConnectionNotFoundError,
  type ConnectTimeoutError,
  type PoolClosedError
} from "../PoolError.js"
import type { PoolEvent } from "../PoolEvent.js"
import type { PoolLease } from "../PoolLease.js"
import type { PoolStats } from "../PoolStats.js"
import type { PoolTimes } from "../PoolTimes.js"
import * as Borrow from "./borrow.js"
import { withFiber } from "./effect/fiber.js"
import { PoolBase } from "./effect/tag.js"
import type { DurationInput } from "./effect/value.js"
import type { Engine } from "./engine.js"
import * as Operations from "./operations.js"
import { callTimeout } from "./options.js"
import { leases, snapshot, times } from "./snapshot.js"

export class ConnectionPoolImpl<C, E> extends PoolBase<C, E | BorrowError> implements ConnectionPool<C, E> {
  readonly [TypeId]: TypeId = TypeId
  readonly name: string
  readonly concurrency: number
  readonly get: Effect.Effect<C, E | BorrowError, Scope.Scope>
  readonly exclusive: Effect.Effect<C, E | BorrowError, Scope.Scope>
  readonly acquire: Effect.Effect<C, E | BorrowError>
  readonly awaitReady: Effect.Effect<void, E | ConnectTimeoutError | PoolClosedError>
  readonly close: Effect.Effect<void>
  readonly #engine: Engine<C, E>

  constructor(engine: Engine<C, E>, close: Effect.Effect<void>) {
    super()
    this.#engine = engine
    this.name = engine.options.name
    this.concurrency = engine.options.concurrency
    this.get = Borrow.scoped(engine, false)
    this.exclusive = Borrow.scoped(engine, true)
    this.acquire = Borrow.manual(engine)
    this.awaitReady = Borrow.awaitReady(engine)
    this.close = close
  }

  /** The engine of a pool that `Pool.make` has made. */
  static engineOf(pool: unknown): Engine<any, any> | undefined {
    return typeof pool === "object" && pool !== null && #engine in pool ? pool.#engine : undefined
  }

  get dropExpired(): Effect.Effect<number> {
    return Effect.sync(() => Operations.dropExpired(this.#engine))
  }

  get clear(): Effect.Effect<void> {
    return Effect.sync(() => Operations.clear(this.#engine))
  }

  get size(): Effect.Effect<number> {
    return Effect.sync(() => this.#engine.state.open)
  }

  get stats(): Effect.Effect<PoolStats> {
    return Effect.sync(() => snapshot(this.#engine.state, this.#engine.now()))
  }

  get times(): Effect.Effect<PoolTimes> {
    return Effect.sync(() => times(this.#engine.state))
  }

  get events(): Stream.Stream<PoolEvent> {
    return this.#engine.events.events
  }

  get notices(): Stream.Stream<PoolEvent> {
    return this.#engine.events.notices
  }

  get leases(): Effect.Effect<ReadonlyArray<PoolLease>> {
    return Effect.sync(() => leases(this.#engine.state, this.#engine.now()))
  }

  get advise(): Effect.Effect<PoolAdvice.PoolAdvice> {
    return Effect.map(this.stats, (stats) => PoolAdvice.advise({ stats, concurrency: this.concurrency }))
  }

  use<A, E2, R>(f: (connection: C) => Effect.Effect<A, E2, R>): Effect.Effect<A, E | E2 | BorrowError, R> {
    return Borrow.use(this.#engine, f, false)
  }

  useExclusive<A, E2, R>(f: (connection: C) => Effect.Effect<A, E2, R>): Effect.Effect<A, E | E2 | BorrowError, R> {
    return Borrow.use(this.#engine, f, true)
  }

  acquireWith(options: { readonly timeout: DurationInput }): Effect.Effect<C, E | BorrowError> {
    return Effect.suspend(() => Borrow.manual(this.#engine, callTimeout(options)))
  }

  release(connection: C): Effect.Effect<void, ConnectionNotFoundError> {
    return withFiber<void, ConnectionNotFoundError, never>((caller) =>
      Operations.release(this.#engine, connection, caller) ? Effect.void : this.notFound("release")
    )
  }

  drop(connection: C): Effect.Effect<void, ConnectionNotFoundError> {
    return Effect.suspend(() => Operations.drop(this.#engine, connection) ? Effect.void : this.notFound("drop"))
  }

  dropById(connectionId: number): Effect.Effect<void, ConnectionNotFoundError> {
    return Effect.suspend(() => Operations.dropById(this.#engine, connectionId) ? Effect.void : this.notFound("drop"))
  }

  reconnect(connection: C): Effect.Effect<C, E | BorrowError | ConnectionNotFoundError> {
    return Borrow.reconnect(this.#engine, connection)
  }

  resize(size: { readonly min?: number; readonly max?: number }): Effect.Effect<void> {
    return Effect.sync(() => Operations.resize(this.#engine, size))
  }

  invalidate(connection: C): Effect.Effect<void> {
    return Effect.sync(() => Operations.invalidate(this.#engine, connection))
  }

  private notFound(operation: ConnectionNotFoundError["operation"]): Effect.Effect<never, ConnectionNotFoundError> {
    return Effect.fail(new ConnectionNotFoundError({ pool: this.name, operation }))
  }

  override toJSON(): unknown {
    return { _id: "@socketpool/core/Pool", name: this.name, stats: snapshot(this.#engine.state, this.#engine.now()) }
  }
}
