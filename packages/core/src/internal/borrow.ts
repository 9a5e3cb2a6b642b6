/** The borrower's side: how a fiber comes by a lease, and how the lease ends whatever happens to the fiber. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constVoid } from "effect/Function"
import * as Scope from "effect/Scope"
import {
  type BorrowError,
  ConnectionNotFoundError,
  ConnectTimeoutError,
  PoolClosedError,
  PoolExhaustedError
} from "../PoolError.js"
import { type Holder as FiberHolder, parkIn, spanOf } from "./effect/fiber.js"
import type { Engine } from "./engine.js"
import * as Ancestry from "./holders.js"
import { Continuation, type Guard, guarded, inMask } from "./interruption.js"
import { leaseOf } from "./operations.js"
import { heldBy, longestHolders, snapshot } from "./snapshot.js"
import { type Holder, type Lease, type OpenFailure, Waiter } from "./state.js"
import * as Tracing from "./tracing.js"
import { standstill } from "./transitions/demand.js"
import { waitsForItself } from "./transitions/queue.js"

/** Only `reconnect` can fail with `ConnectionNotFoundError`. */
type WaitError = BorrowError | ConnectionNotFoundError

const closedError = <C, E>(engine: Engine<C, E>): PoolClosedError => new PoolClosedError({ pool: engine.options.name })

/** Counts a borrower that comes while the pool is closing, and returns its error. */
export const rejectClosed = <C, E>(engine: Engine<C, E>): PoolClosedError => {
  engine.leases.turnAway("PoolClosed")
  return closedError(engine)
}

const exhaustedError = <C, E>(
  engine: Engine<C, E>,
  reason: PoolExhaustedError["reason"],
  caller: Holder,
  waitedMillis: number,
  overload?: PoolExhaustedError["overload"]
): PoolExhaustedError => {
  const { lastConnectError } = engine
  return new PoolExhaustedError({
    pool: engine.options.name,
    reason,
    waitedMillis,
    heldByCaller: heldBy(engine.state, caller),
    stats: snapshot(engine.state, engine.now()),
    longestHolders: longestHolders(engine.state, engine.now()),
    ...(lastConnectError._tag === "Some" ? { lastConnectError: lastConnectError.value } : {}),
    ...(engine.seat === undefined ? {} : { budget: engine.seat.budget.figures(engine.seat) }),
    ...(overload === undefined ? {} : { overload })
  })
}

const notFound = <C, E>(engine: Engine<C, E>): ConnectionNotFoundError =>
  new ConnectionNotFoundError({ pool: engine.options.name, operation: "reconnect" })

/** Fails with the reason why no connection was opened. */
export const failWith = <C, E>(
  engine: Engine<C, E>,
  failure: OpenFailure
): Exit.Exit<never, E | ConnectTimeoutError | PoolClosedError> => {
  switch (failure._tag) {
    case "OpenFailed":
      // The cause is the connector's own, so its errors are of type E.
      return Exit.failCause(failure.cause as Exit.Failure<never, E>["cause"])
    case "ConnectTimeout":
      return Exit.fail(
        new ConnectTimeoutError({ pool: engine.options.name, timeoutMillis: engine.options.connectTimeout })
      )
    case "PoolClosed":
      return Exit.fail(closedError(engine))
  }
}

/** The outcome of a waiter that is no longer in the queue. */
export const outcome = <C, E>(engine: Engine<C, E>, waiter: Waiter<C>): Exit.Exit<void, E | WaitError> => {
  const { failure } = waiter
  if (failure === undefined) return Exit.void
  switch (failure._tag) {
    case "AcquireTimeout":
      return Exit.fail(exhaustedError(engine, "Timeout", waiter.holder, Math.round(engine.now() - waiter.since)))
    case "Shed":
      return Exit.fail(exhaustedError(engine, "Shed", waiter.holder, Math.round(engine.now() - waiter.since), {
        targetMillis: engine.options.overload!.target,
        leastWaitMillis: Math.round(failure.leastWait),
        overloadedMillis: Math.round(failure.millis)
      }))
    case "LeaseEnded":
      return Exit.fail(notFound(engine))
    case "Moved":
      return Exit.die(new Error("a borrower was moved that has no other pool to go to"))
    default:
      return failWith(engine, failure)
  }
}

/** Waits until the waiter is served or fails. An interrupt changes nothing in the queue; the caller cleans up. */
const parked = <C, E>(engine: Engine<C, E>, waiter: Waiter<C>): Effect.Effect<void, E | WaitError> =>
  parkIn(waiter.holder as FiberHolder, (resume) => {
    if (waiter.list === undefined) return resume(outcome(engine, waiter))
    waiter.wake = () => resume(outcome(engine, waiter))
  })

/**
 * Takes up the lease that a waiter was handed. If it cannot have it, it waits again (`undefined`), or there is a reason
 * why it cannot.
 */
export const takeUp = <C, E>(
  engine: Engine<C, E>,
  waiter: Waiter<C>
): Lease<C> | Exit.Exit<never, WaitError> | undefined => {
  if (engine.leases.claim(waiter)) return waiter.lease!
  const keepsWaiting = waiter.forLease === undefined || waiter.forLease.phase === "Reconnecting"
  if (engine.state.phase !== "Running") return Exit.fail(rejectClosed(engine))
  if (!keepsWaiting) return Exit.fail(notFound(engine))
  engine.leases.requeue(waiter)
  return undefined
}

/**
 * Waits in the queue and continues with a slot that is leased to this fiber. Only the wait can be interrupted. The
 * owner of the slot is recorded before the fiber resumes, and read where nothing can be interrupted. If it were read
 * elsewhere, the lease would be lost at several points where an interrupt can strike.
 */
class Waiting<C, E, A, E2, R> extends Continuation<void, E | WaitError, A, E | E2 | WaitError, R> {
  constructor(
    private readonly engine: Engine<C, E>,
    private readonly waiter: Waiter<C>,
    private readonly guard: Guard,
    private readonly stopTimer: () => void,
    private readonly trace: Tracing.Wait | undefined,
    private readonly then: (lease: Lease<C>, waitedMillis: number) => Effect.Effect<A, E2, R>
  ) {
    super(waiter.holder as FiberHolder)
  }

  begin(): Effect.Effect<A, E | E2 | WaitError, R> {
    return this.guard.run((waiter) => parked(this.engine, waiter), this.waiter, this)
  }

  onFailure(cause: Cause.Cause<E | WaitError>): Effect.Effect<never, E | WaitError> {
    this.stopTimer()
    this.engine.leases.withdraw(this.waiter)
    const exit = Exit.failCause(cause)
    this.trace?.failed(exit)
    return exit
  }

  onSuccess(): Effect.Effect<A, E | E2 | WaitError, R> {
    const { engine, waiter } = this
    const taken = takeUp(engine, waiter)
    if (taken === undefined) {
      return new Waiting(engine, waiter, this.guard, this.stopTimer, this.trace, this.then).begin()
    }
    this.stopTimer()
    if (Exit.isExit(taken)) {
      this.trace?.failed(taken)
      return taken
    }
    this.trace?.served(taken.slot.id)
    return this.then(taken, taken.since - waiter.since)
  }
}

/** Holds a lease until the effect that uses it has ended. */
class Holding<C, A, E> extends Continuation<A, E, A, E, never> {
  constructor(private readonly engine: Engine<C, any>, private readonly lease: Lease<C>) {
    super(lease.holder as FiberHolder)
  }

  onFailure(cause: Cause.Cause<E>): Exit.Exit<never, E> {
    const exit = Exit.failCause(cause)
    this.engine.leases.end(this.lease, exit)
    return exit
  }

  onSuccess(value: A, exit: Exit.Exit<A> = Exit.succeed(value)): Exit.Exit<A> {
    this.engine.leases.end(this.lease, exit)
    return exit
  }
}

/** Puts a borrower at the end of the queue, or returns the reason why it cannot wait. */
export const joinQueue = <C, E, W extends Waiter<C>>(
  engine: Engine<C, E>,
  holder: Holder,
  ownTimeout: number | undefined,
  isExclusive: boolean,
  kind: new(...of: ConstructorParameters<typeof Waiter<C>>) => W
): W | Exit.Exit<never, E | BorrowError> => {
  const { options, state } = engine
  if (state.phase !== "Running") return Exit.fail(rejectClosed(engine))
  const failure = state.pause && standstill(state, engine.now())
  if (failure !== undefined) {
    engine.leases.turnAway("OpenFailed")
    return failWith(engine, failure)
  }
  const timeout = ownTimeout ?? options.acquireTimeout
  const rejection = timeout === 0
    ? "NoWait"
    : waitsForItself(state, holder, Ancestry, isExclusive) || engine.seat?.budget.isHeldBy(holder) === true
    ? "SelfDeadlock"
    : state.queued >= options.maxPending
    ? "QueueFull"
    : undefined
  if (rejection !== undefined) {
    engine.leases.reject(rejection)
    return Exit.fail(exhaustedError(engine, rejection, holder, 0))
  }

  const now = engine.now()
  const waiter = new kind(holder, spanOf(holder), now, now + timeout, ownTimeout !== undefined, undefined, isExclusive)
  engine.leases.enqueue(waiter, now)
  return waiter
}

/** Waits in the queue, and continues with a lease. */
export const queueUp = <C, E, A, E2, R>(
  engine: Engine<C, E>,
  fiber: FiberHolder,
  ownTimeout: number | undefined,
  isExclusive: boolean,
  guard: Guard,
  then: (lease: Lease<C>, waitedMillis: number) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E | E2 | BorrowError, R> => {
  const waiter = joinQueue(engine, fiber, ownTimeout, isExclusive, Waiter<C>)
  if (!(waiter instanceof Waiter)) return waiter
  const stopTimer = engine.leases.startTimer(waiter)
  const trace = Tracing.wait(fiber, engine.attributes, engine.runtime)
  // Only a waiter of `reconnect` fails with `ConnectionNotFoundError`.
  return new Waiting(engine, waiter, guard, stopTimer, trace, then).begin() as Effect.Effect<A, E | E2 | BorrowError, R>
}

/** Gets a lease for this fiber, at once or by waiting, and continues with it. */
const borrowed = <C, E, A, E2, R>(
  engine: Engine<C, E>,
  fiber: FiberHolder,
  ownTimeout: number | undefined,
  isExclusive: boolean,
  guard: Guard,
  then: (lease: Lease<C>, waitedMillis: number) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E | E2 | BorrowError, R> => {
  const lease = engine.leases.borrow(fiber, isExclusive)
  return lease === undefined ? queueUp(engine, fiber, ownTimeout, isExclusive, guard, then) : then(lease, 0)
}

/** Lends a leased connection to one effect. */
export const hold = <C, A, E, R>(
  engine: Engine<C, any>,
  guard: Guard,
  lease: Lease<C>,
  waitedMillis: number,
  f: (connection: C) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const connection = engine.leases.present(lease, "Scoped", waitedMillis)
  return guard.run(f, connection, new Holding<C, A, E>(engine, lease))
}

/** The body of `use`. */
export const used = <C, E, A, E2, R>(
  fiber: FiberHolder,
  guard: Guard,
  engine: Engine<C, E>,
  f: (connection: C) => Effect.Effect<A, E2, R>,
  isExclusive: boolean
): Effect.Effect<A, E | E2 | BorrowError, R> => {
  const lease = engine.leases.borrow(fiber, isExclusive)
  if (lease !== undefined) return hold(engine, guard, lease, 0, f)
  return queueUp(
    engine,
    fiber,
    undefined,
    isExclusive,
    guard,
    (lease, waitedMillis) => hold(engine, guard, lease, waitedMillis, f)
  )
}

/**
 * Leases a connection while one effect runs. Where a connection has one lease at a time, each is exclusive and stands in
 * the one queue.
 */
export const use = <C, E, A, E2, R>(
  engine: Engine<C, E>,
  f: (connection: C) => Effect.Effect<A, E2, R>,
  isExclusive: boolean
): Effect.Effect<A, E | E2 | BorrowError, R> =>
  guarded(used<C, E, A, E2, R>, engine, f, isExclusive && engine.options.concurrency > 1)

/** Leases a connection until the caller's scope closes. The engine is asked for in the step in which it lends. */
export const scopedIn = <C, E>(
  engineOf: (fiber: FiberHolder) => Engine<C, E> | Exit.Exit<never, BorrowError>,
  isExclusive: boolean
): Effect.Effect<C, E | BorrowError, Scope.Scope> =>
  inMask((fiber, guard) =>
    Effect.flatMap(
      Effect.scope,
      (scope) => {
        const engine = engineOf(fiber)
        if (Exit.isExit(engine)) return engine
        return borrowed(
          engine,
          fiber,
          undefined,
          isExclusive && engine.options.concurrency > 1,
          guard,
          (lease, waitedMillis) => {
            const connection = engine.leases.present(lease, "Scoped", waitedMillis)
            return Effect.as(
              Scope.addFinalizerExit(scope, (exit) => Effect.sync(() => engine.leases.end(lease, exit))),
              connection
            )
          }
        )
      }
    )
  )

export const scoped = <C, E>(
  engine: Engine<C, E>,
  isExclusive: boolean
): Effect.Effect<C, E | BorrowError, Scope.Scope> => scopedIn(() => engine, isExclusive)

/** Leases a connection until `release` or `drop`. */
export const manualIn = <C, E>(
  engineOf: (fiber: FiberHolder) => Engine<C, E> | Exit.Exit<never, BorrowError>,
  timeout?: number
): Effect.Effect<C, E | BorrowError> =>
  inMask((fiber, guard) => {
    const engine = engineOf(fiber)
    if (Exit.isExit(engine)) return engine
    return borrowed(
      engine,
      fiber,
      timeout,
      false,
      guard,
      (lease, waitedMillis) => Effect.succeed(engine.leases.present(lease, "Manual", waitedMillis))
    )
  })

export const manual = <C, E>(engine: Engine<C, E>, timeout?: number): Effect.Effect<C, E | BorrowError> =>
  manualIn(() => engine, timeout)

/** Replaces the connection of a lease by a newly opened one. */
export const reconnect = <C, E>(engine: Engine<C, E>, connection: C): Effect.Effect<C, E | WaitError> =>
  inMask<C, E | WaitError, never>((fiber, guard) => {
    const lease = leaseOf(engine, connection, fiber)
    if (lease === undefined) return Effect.fail(notFound(engine))
    if (engine.state.phase !== "Running") return Effect.fail(rejectClosed(engine))
    const now = engine.now()
    const waiter = new Waiter(
      fiber,
      spanOf(fiber),
      now,
      now + engine.options.acquireTimeout,
      false,
      lease,
      lease.isExclusive
    )
    engine.leases.startReconnect(lease, waiter, now)
    const present = (lease: Lease<C>) =>
      Effect.sync(() => engine.leases.present(lease, lease.owner as "Manual" | "Scoped", 0))
    const trace = Tracing.wait(fiber, engine.attributes, engine.runtime)
    const next = new Waiting(engine, waiter, guard, constVoid, trace, present).begin()
    return Effect.onError(next, () => Effect.sync(() => engine.leases.end(lease, Exit.void)))
  })

/** Waits until `minConnections` and `initialConnections` are open. */
export const awaitReady = <C, E>(
  engine: Engine<C, E>
): Effect.Effect<void, E | ConnectTimeoutError | PoolClosedError> =>
  Effect.flatMap(engine.readiness.answer, (answer) => answer === "Ready" ? Effect.void : failWith(engine, answer))
