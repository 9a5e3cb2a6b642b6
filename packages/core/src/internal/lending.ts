/** The borrower's side: how a fiber comes by a lease, and how the lease ends whatever happens to the fiber. */
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
import type { Engine } from "./engine.js"
import { heldBy, longestHolders, snapshot } from "./snapshot.js"
import { type Holder, type Lease, type Setback, Waiter } from "./state.js"
import { waitsForItself } from "./transitions/queue.js"
import { leaseOf } from "./verbs.js"

/** Only who reconnects can fail with `ConnectionNotFoundError`. */
type WaitError = BorrowError | ConnectionNotFoundError

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

const closedError = <C, E>(engine: Engine<C, E>): PoolClosedError =>
  new PoolClosedError({ pool: engine.options.name }, { disableValidation: true })

const exhaustedError = <C, E>(
  engine: Engine<C, E>,
  reason: PoolExhaustedError["reason"],
  caller: Holder,
  waitedMillis: number
): PoolExhaustedError =>
  new PoolExhaustedError(
    {
      pool: engine.options.name,
      reason,
      waitedMillis,
      heldByCaller: heldBy(engine.state, caller),
      stats: snapshot(engine.state),
      longestHolders: longestHolders(engine.state, engine.now()),
      ...(engine.lastConnectError._tag === "Some" ? { lastConnectError: engine.lastConnectError.value } : {})
    },
    { disableValidation: true }
  )

const notFound = <C, E>(engine: Engine<C, E>): ConnectionNotFoundError =>
  new ConnectionNotFoundError({ pool: engine.options.name, operation: "reconnect" })

/** How it is told that no connection was opened. */
const refused = <C, E>(
  engine: Engine<C, E>,
  setback: Setback
): Effect.Effect<never, E | ConnectTimeoutError | PoolClosedError> => {
  switch (setback._tag) {
    case "OpenFailed":
      // The cause is the connector's own, so its errors are of type E.
      return Effect.failCause(setback.cause as Exit.Failure<never, E>["cause"])
    case "ConnectTimeout":
      return Effect.fail(
        new ConnectTimeoutError({ pool: engine.options.name, timeoutMillis: engine.options.connectTimeout })
      )
    case "PoolClosed":
      return Effect.fail(closedError(engine))
  }
}

/** What became of a waiter that is no longer in the queue. */
const outcome = <C, E>(engine: Engine<C, E>, waiter: Waiter<C>): Effect.Effect<void, E | WaitError> => {
  const refusal = waiter.refusal
  if (refusal === undefined) return Effect.void
  switch (refusal._tag) {
    case "AcquireTimeout":
      return Effect.fail(exhaustedError(engine, "Timeout", waiter.holder, Math.round(engine.now() - waiter.since)))
    case "LeaseEnded":
      return Effect.fail(notFound(engine))
    default:
      return refused(engine, refusal)
  }
}

/** Waits until the waiter is served or refused. Interrupting this changes nothing: that is for the caller to mend. */
export const parked = <C, E>(engine: Engine<C, E>, waiter: Waiter<C>): Effect.Effect<void, E | WaitError> =>
  Effect.async((resume) => {
    if (waiter.list === undefined) return resume(outcome(engine, waiter))
    waiter.wake = () => resume(outcome(engine, waiter))
  })

/**
 * Waits in line and goes on with a slot that is leased to this fiber. Only the waiting can be interrupted; who owns
 * what is recorded before the fiber resumes, and looked at outside `restore`. Looked at inside, the lease is lost at
 * several points where an interrupt can strike.
 */
const waitInLine = <C, E, A, E2, R>(
  engine: Engine<C, E>,
  waiter: Waiter<C>,
  restore: Restore,
  stopTimer: () => void,
  then: (lease: Lease<C>) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E | E2 | WaitError, R> =>
  Effect.matchCauseEffect(restore(parked(engine, waiter)), {
    onFailure: (cause) => {
      stopTimer()
      engine.lender.withdraw(waiter)
      return Effect.failCause(cause)
    },
    onSuccess: () => {
      const mine = engine.lender.claim(waiter)
      const waitsOn = waiter.moving === undefined || waiter.moving.phase === "Moving"
      if (!mine && engine.state.phase === "Running" && waitsOn) {
        engine.lender.requeue(waiter)
        return waitInLine(engine, waiter, restore, stopTimer, then)
      }
      stopTimer()
      if (mine) return then(waiter.lease!)
      return Effect.fail(engine.state.phase === "Running" ? notFound(engine) : closedError(engine))
    }
  })

const queueUp = <C, E, A, E2, R>(
  engine: Engine<C, E>,
  holder: Holder,
  ownTimeout: number | undefined,
  restore: Restore,
  then: (lease: Lease<C>, waitedMillis: number) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E | E2 | BorrowError, R> => {
  const { options, state } = engine
  if (state.phase !== "Running") return Effect.fail(closedError(engine))
  const timeout = ownTimeout ?? options.acquireTimeout
  const refusal = timeout === 0
    ? "NoWait"
    : waitsForItself(state, holder)
    ? "SelfDeadlock"
    : state.waiters.length >= options.maxPending
    ? "QueueFull"
    : undefined
  if (refusal !== undefined) {
    engine.lender.turnAway(refusal)
    return Effect.fail(exhaustedError(engine, refusal, holder, 0))
  }

  const now = engine.now()
  const waiter = new Waiter<C>(holder, holder.currentSpan, now, now + timeout, ownTimeout !== undefined, undefined)
  engine.lender.enqueue(waiter, now)
  return waitInLine(
    engine,
    waiter,
    restore,
    engine.lender.startTimer(waiter),
    (lease) => then(lease, lease.since - now)
  ) as // Nothing is reconnected here.
  Effect.Effect<A, E | E2 | BorrowError, R>
}

/** Goes on with a lease of this fiber's. To be evaluated where the fiber cannot be interrupted. */
const borrowed = <C, E, A, E2, R>(
  engine: Engine<C, E>,
  ownTimeout: number | undefined,
  restore: Restore,
  then: (lease: Lease<C>, waitedMillis: number) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E | E2 | BorrowError, R> =>
  Effect.withFiberRuntime<A, E | E2 | BorrowError, R>((fiber) => {
    const lease = engine.lender.borrow(fiber)
    return lease === undefined ? queueUp(engine, fiber, ownTimeout, restore, then) : then(lease, 0)
  })

/** A lease for as long as one effect runs. */
export const use = <C, E, A, E2, R>(
  engine: Engine<C, E>,
  f: (connection: C) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E | E2 | BorrowError, R> =>
  Effect.uninterruptibleMask((restore) =>
    borrowed(engine, undefined, restore, (lease, waitedMillis) => {
      const connection = engine.lender.present(lease, "Scoped", waitedMillis)
      return Effect.matchCauseEffect(restore(Effect.suspend(() => f(connection))), {
        onFailure: (cause) => {
          const exit = Exit.failCause(cause)
          engine.lender.end(lease, exit)
          return exit
        },
        onSuccess: (value) => {
          const exit = Exit.succeed(value)
          engine.lender.end(lease, exit)
          return exit
        }
      })
    })
  )

/** A lease until the scope of the caller closes. */
export const scoped = <C, E>(engine: Engine<C, E>): Effect.Effect<C, E | BorrowError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.scope, (scope) =>
      borrowed(engine, undefined, restore, (lease, waitedMillis) => {
        const connection = engine.lender.present(lease, "Scoped", waitedMillis)
        return Effect.as(
          Scope.addFinalizerExit(scope, (exit) => Effect.sync(() => engine.lender.end(lease, exit))),
          connection
        )
      }))
  )

/** A lease until `release` or `drop`. */
export const manual = <C, E>(engine: Engine<C, E>, timeout?: number): Effect.Effect<C, E | BorrowError> =>
  Effect.uninterruptibleMask((restore) =>
    borrowed(
      engine,
      timeout,
      restore,
      (lease, waitedMillis) => Effect.succeed(engine.lender.present(lease, "Manual", waitedMillis))
    )
  )

/** Another, newly opened connection for the same lease. */
export const reconnect = <C, E>(engine: Engine<C, E>, connection: C): Effect.Effect<C, E | WaitError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiberRuntime<C, E | WaitError>((fiber) => {
      const lease = leaseOf(engine, connection, fiber)
      if (lease === undefined) return Effect.fail(notFound(engine))
      if (engine.state.phase !== "Running") return Effect.fail(closedError(engine))
      const now = engine.now()
      const waiter = new Waiter(fiber, fiber.currentSpan, now, now + engine.options.acquireTimeout, false, lease)
      engine.lender.move(lease, waiter, now)
      const next = waitInLine(engine, waiter, restore, constVoid, (lease) =>
        Effect.sync(() =>
          engine.lender.present(lease, lease.claim as "Manual" | "Scoped", 0)
        ))
      return Effect.onError(next, () =>
        Effect.sync(() =>
          engine.lender.end(lease, Exit.void)
        ))
    })
  )

/** Waits for the floor to be filled. */
export const awaitReady = <C, E>(
  engine: Engine<C, E>
): Effect.Effect<void, E | ConnectTimeoutError | PoolClosedError> =>
  Effect.flatMap(engine.readiness.answer, (answer) => answer === "Ready" ? Effect.void : refused(engine, answer))
