/** A pool of sessions, as its users see it. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import type * as Scope from "effect/Scope"
import { callback } from "../../checks/rules.js"
import { argument } from "../../checks/table.js"
import { type ConnectionError, isConnectionError } from "../../ConnectionError.js"
import type { ConnectionPool } from "../../ConnectionPool.js"
import type { EndpointPool, EndpointStatus } from "../../EndpointPoolModel.js"
import type { FramingError } from "../../Framing.js"
import type { BorrowError, NoEndpointError } from "../../PoolError.js"
import { queueUp } from "../borrow.js"
import { ConnectionPoolImpl } from "../connectionPool.js"
import { type Holder, onlyErrors } from "../effect/fiber.js"
import { leased } from "../endpointPool/routing.js"
import type { Selection } from "../endpointPool/selection.js"
import { EndpointView } from "../endpointPool/view.js"
import type { Engine } from "../engine.js"
import { Continuation, type Guard, guarded } from "../interruption.js"
import type { Lease } from "../state.js"
import { Asking } from "./asking.js"
import type { Encoded } from "./encoding.js"
import type { Figures } from "./figures.js"
import { type CallOptions, timeoutOf } from "./options.js"
import type { SessionCore } from "./session.js"
import { LeasedSession, type SessionImpl } from "./sessionImpl.js"

/** A request, with all that another try of it needs. */
interface Call {
  readonly client: BaseClient<any, any, any, any>
  readonly request: unknown
  readonly isTold: boolean
  /** In milliseconds. */
  readonly timeout: number
  readonly triesLeft: number
  /** Makes the result of the response. */
  readonly read: ((response: any) => Effect.Effect<any, any, any>) | undefined
}

/** A request that holds a lease of its session's connection until it has ended. */
class LeasedAsking<A> extends Asking<A> {
  constructor(
    fiber: Holder,
    session: SessionCore,
    encoded: Encoded,
    private readonly engine: Engine<any, any>,
    private readonly guard: Guard,
    private readonly lease: Lease<SessionImpl<any, any, any>>,
    private readonly call: Call
  ) {
    super(fiber, session, encoded, call.timeout)
  }

  private endLease(exit: Exit.Exit<unknown, unknown>): void {
    this.engine.leases.end(this.lease, exit)
  }

  override onSuccess(): Effect.Effect<A, ConnectionError> {
    const exit = this.exit!
    this.endLease(exit)
    const { read } = this.call
    if (read === undefined || exit._tag === "Failure") return exit
    const result = read(exit.value) as Effect.Effect<A>
    return Exit.isExit(result) ? result : this.guard.run(identity, result, new Passing<A>(this.fiber))
  }

  override onFailure(cause: Cause.Cause<ConnectionError>): Effect.Effect<A, ConnectionError> {
    const exit = super.onFailure(cause) as Exit.Exit<A, ConnectionError>
    this.endLease(exit)
    const { call } = this
    return call.triesLeft > 0 && !this.wasLate && wasUnsent(cause)
      ? asked(this.fiber, this.guard, { ...call, triesLeft: call.triesLeft - 1 }) as Effect.Effect<A, ConnectionError>
      : exit
  }
}

/** Lets an effect run as interruptible as its caller, and ends as it does. */
class Passing<A> extends Continuation<A, never, A, never, never> {
  onFailure(cause: Cause.Cause<never>): Exit.Exit<never> {
    return Exit.failCause(cause)
  }

  onSuccess(value: A): Exit.Exit<A> {
    return Exit.succeed(value)
  }
}

/** Whether a request failed because its session had ended before it was sent. */
const wasUnsent = (cause: Cause.Cause<ConnectionError>): boolean => {
  const errors = onlyErrors(cause) ?? []
  return errors.length === 1 && isConnectionError(errors[0]) && errors[0].sent === "No"
}

/** Asks on a connection that is leased to this fiber. */
const askOn = (
  engine: Engine<any, any>,
  fiber: Holder,
  guard: Guard,
  call: Call,
  lease: Lease<SessionImpl<any, any, any>>,
  waitedMillis: number
): Effect.Effect<any, any> => {
  const { isTold, request } = call
  const { core } = engine.leases.present(lease, "Scoped", waitedMillis)
  let encoded: ReturnType<SessionCore["encode"]>
  try {
    encoded = core.encode(request, isTold)
  } catch (defect) {
    const exit = Exit.die(defect)
    engine.leases.end(lease, exit)
    return exit
  }
  if ("_tag" in encoded) {
    const exit = Exit.fail(encoded)
    engine.leases.end(lease, exit)
    return exit
  }
  return new LeasedAsking(fiber, core, encoded, engine, guard, lease, call).run(guard)
}

const asked = (fiber: Holder, guard: Guard, call: Call): Effect.Effect<any, any> => call.client.ask(fiber, guard, call)

abstract class BaseClient<Request, Response, Push, E> {
  readonly exclusive: Effect.Effect<LeasedSession<Request, Response, Push>, E | BorrowError, Scope.Scope>

  constructor(
    readonly pool: ConnectionPool<SessionImpl<Request, Response, Push>, E>,
    protected readonly figures: Figures,
    protected readonly retryUnsent: number
  ) {
    this.exclusive = Effect.flatMap(pool.exclusive, (session) =>
      Effect.acquireRelease(
        Effect.sync(() => new LeasedSession(session)),
        (leased, exit) => Effect.sync(() => leased.revoke(exit))
      ))
  }

  /** Leases a connection for a call, and asks on it. */
  abstract ask(fiber: Holder, guard: Guard, call: Call): Effect.Effect<any, any>

  private call(request: Request, isTold: boolean, timeout: number, read?: Call["read"]): Effect.Effect<any, any> {
    const call: Call = { client: this, request, isTold, timeout, triesLeft: this.retryUnsent, read }
    return guarded(asked, call, undefined, undefined)
  }

  request(
    request: Request,
    options?: CallOptions
  ): Effect.Effect<Response, E | BorrowError | ConnectionError | FramingError> {
    return this.call(request, false, timeoutOf("Client.request", options))
  }

  requestWith<A, E2, R>(
    request: Request,
    read: (response: Response) => Effect.Effect<A, E2, R>,
    options?: CallOptions
  ): Effect.Effect<A, E | E2 | BorrowError | ConnectionError | FramingError, R> {
    if (typeof read !== "function") argument("Client.requestWith", "read", callback, read)
    return this.call(request, false, timeoutOf("Client.requestWith", options), read)
  }

  tell(request: Request): Effect.Effect<void, E | BorrowError | ConnectionError | FramingError> {
    return this.call(request, true, Infinity)
  }

  withExclusive<A, E2, R>(
    f: (session: LeasedSession<Request, Response, Push>) => Effect.Effect<A, E2, R>
  ): Effect.Effect<A, E | E2 | BorrowError, R> {
    return this.pool.useExclusive((session) => {
      const leased = new LeasedSession(session)
      return Effect.onExit(Effect.suspend(() => f(leased)), (exit) => Effect.sync(() => leased.revoke(exit)))
    })
  }

  get stats(): Effect.Effect<Figures["snapshot"]> {
    return Effect.sync(() => this.figures.snapshot)
  }
}

/** A client of one server. */
export class ClientImpl<Request, Response, Push, E> extends BaseClient<Request, Response, Push, E> {
  private readonly engine: Engine<SessionImpl<Request, Response, Push>, E>

  constructor(
    pool: ConnectionPool<SessionImpl<Request, Response, Push>, E>,
    figures: Figures,
    retryUnsent: number
  ) {
    super(pool, figures, retryUnsent)
    this.engine = ConnectionPoolImpl.engineOf(pool)!
  }

  ask(fiber: Holder, guard: Guard, call: Call): Effect.Effect<any, any> {
    const { engine } = this
    const lease = engine.leases.borrow(fiber, false)
    return lease === undefined
      ? queueUp(
        engine,
        fiber,
        undefined,
        false,
        guard,
        (lease, waited) => askOn(engine, fiber, guard, call, lease, waited)
      )
      : askOn(engine, fiber, guard, call, lease, 0)
  }
}

type Failure<E> = E | NoEndpointError

/** A client of several servers, or the part of it that is one server or one tier. */
export class PartialClient<Request, Response, Push, E> extends BaseClient<Request, Response, Push, Failure<E>> {
  private readonly selection: Selection<SessionImpl<Request, Response, Push>, E>

  constructor(
    pool: ConnectionPool<SessionImpl<Request, Response, Push>, Failure<E>>,
    figures: Figures,
    retryUnsent: number
  ) {
    super(pool, figures, retryUnsent)
    this.selection = EndpointView.selectionOf(pool as EndpointView<SessionImpl<Request, Response, Push>, E>)
  }

  ask(fiber: Holder, guard: Guard, call: Call): Effect.Effect<any, any> {
    return leased(
      fiber,
      guard,
      this.selection,
      (engine, lease, waited) => askOn(engine, fiber, guard, call, lease, waited)
    )
  }
}

export class EndpointClientImpl<Request, Response, Push, E> extends PartialClient<Request, Response, Push, E> {
  constructor(
    override readonly pool: EndpointPool<SessionImpl<Request, Response, Push>, E>,
    figures: Figures,
    retryUnsent: number
  ) {
    super(pool, figures, retryUnsent)
  }

  private part(pool: ConnectionPool<SessionImpl<Request, Response, Push>, Failure<E>>) {
    return new PartialClient<Request, Response, Push, E>(pool, this.figures, this.retryUnsent)
  }

  at(id: string): Effect.Effect<PartialClient<Request, Response, Push, E>, NoEndpointError> {
    return Effect.map(this.pool.at(id), (pool) => this.part(pool))
  }

  tier(tier: number): PartialClient<Request, Response, Push, E> {
    return this.part(this.pool.tier(tier))
  }

  get endpoints(): Effect.Effect<ReadonlyArray<EndpointStatus>> {
    return this.pool.endpoints
  }
}
