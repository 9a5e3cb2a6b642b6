/** The borrower's side: how a fiber comes by a lease, and how the lease ends whatever happens to the fiber. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type BorrowError, ConnectTimeoutError, PoolClosedError, PoolExhaustedError } from "../PoolError.js"
import type { Engine } from "./engine.js"
import { longestHolders, snapshot } from "./snapshot.js"
import { type Holder, type Slot, Waiter } from "./state.js"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

const closedError = <C, E>(engine: Engine<C, E>): PoolClosedError =>
  new PoolClosedError({ pool: engine.options.name }, { disableValidation: true })

const exhaustedError = <C, E>(
  engine: Engine<C, E>,
  reason: PoolExhaustedError["reason"],
  waitedMillis: number
): PoolExhaustedError =>
  new PoolExhaustedError(
    {
      pool: engine.options.name,
      reason,
      waitedMillis,
      stats: snapshot(engine.state),
      longestHolders: longestHolders(engine.state, engine.now()),
      ...(engine.lastConnectError._tag === "Some" ? { lastConnectError: engine.lastConnectError.value } : {})
    },
    { disableValidation: true }
  )

/** What became of a waiter that is no longer in the queue. */
const outcome = <C, E>(engine: Engine<C, E>, waiter: Waiter<C>): Effect.Effect<void, E | BorrowError> => {
  const refusal = waiter.refusal
  switch (refusal?._tag) {
    case undefined:
      return Effect.void
    case "OpenFailed":
      // The cause is the connector's own, so its errors are of type E.
      return Effect.failCause(refusal.cause as Exit.Failure<never, E>["cause"])
    case "ConnectTimeout":
      return Effect.fail(
        new ConnectTimeoutError({ pool: engine.options.name, timeoutMillis: engine.options.connectTimeout })
      )
    case "AcquireTimeout":
      return Effect.fail(exhaustedError(engine, "Timeout", Math.round(engine.now() - waiter.since)))
    case "PoolClosed":
      return Effect.fail(closedError(engine))
  }
}

/** Waits until the waiter is served or refused. Interrupting this changes nothing: that is for the caller to mend. */
export const parked = <C, E>(engine: Engine<C, E>, waiter: Waiter<C>): Effect.Effect<void, E | BorrowError> =>
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
  then: (slot: Slot<C>) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E | E2 | BorrowError, R> =>
  Effect.matchCauseEffect(restore(parked(engine, waiter)), {
    onFailure: (cause) => {
      stopTimer()
      engine.withdraw(waiter)
      return Effect.failCause(cause)
    },
    onSuccess: () => {
      const mine = engine.claim(waiter)
      if (!mine && engine.state.phase === "Running") {
        engine.requeue(waiter)
        return waitInLine(engine, waiter, restore, stopTimer, then)
      }
      stopTimer()
      return mine ? then(waiter.slot!) : Effect.fail(closedError(engine))
    }
  })

const queueUp = <C, E, A, E2, R>(
  engine: Engine<C, E>,
  holder: Holder,
  ownTimeout: number | undefined,
  restore: Restore,
  then: (slot: Slot<C>) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E | E2 | BorrowError, R> => {
  const { options, state } = engine
  if (state.phase !== "Running") return Effect.fail(closedError(engine))
  const timeout = ownTimeout ?? options.acquireTimeout
  const noRoom = timeout === 0 ? "NoWait" : state.waiters.length >= options.maxPending ? "QueueFull" : undefined
  if (noRoom !== undefined) {
    engine.turnAway()
    return Effect.fail(exhaustedError(engine, noRoom, 0))
  }

  const now = engine.now()
  const waiter = new Waiter<C>(holder, now, now + timeout, ownTimeout !== undefined)
  engine.enqueue(waiter, now)
  return waitInLine(engine, waiter, restore, engine.startTimer(waiter), then)
}

/** Goes on with a slot that is leased to this fiber. To be evaluated where the fiber cannot be interrupted. */
const borrowed = <C, E, A, E2, R>(
  engine: Engine<C, E>,
  ownTimeout: number | undefined,
  restore: Restore,
  then: (slot: Slot<C>) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E | E2 | BorrowError, R> =>
  Effect.withFiberRuntime<A, E | E2 | BorrowError, R>((fiber) => {
    const slot = engine.borrow(fiber)
    return slot === undefined ? queueUp(engine, fiber, ownTimeout, restore, then) : then(slot)
  })

/** A lease for as long as one effect runs. */
export const use = <C, E, A, E2, R>(
  engine: Engine<C, E>,
  f: (connection: C) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E | E2 | BorrowError, R> =>
  Effect.uninterruptibleMask((restore) =>
    borrowed(engine, undefined, restore, (slot) => {
      const lease = slot.lease
      const connection = engine.present(slot, "Scoped")
      return Effect.matchCauseEffect(restore(Effect.suspend(() => f(connection))), {
        onFailure: (cause) => {
          const exit = Exit.failCause(cause)
          engine.end(slot, lease, exit)
          return exit
        },
        onSuccess: (value) => {
          const exit = Exit.succeed(value)
          engine.end(slot, lease, exit)
          return exit
        }
      })
    })
  )

/** A lease until the scope of the caller closes. */
export const scoped = <C, E>(engine: Engine<C, E>): Effect.Effect<C, E | BorrowError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.scope, (scope) =>
      borrowed(engine, undefined, restore, (slot) => {
        const lease = slot.lease
        const connection = engine.present(slot, "Scoped")
        return Effect.as(
          Scope.addFinalizerExit(scope, (exit) => Effect.sync(() => engine.end(slot, lease, exit))),
          connection
        )
      }))
  )

/** A lease until `release` or `drop`. */
export const manual = <C, E>(engine: Engine<C, E>, timeout?: number): Effect.Effect<C, E | BorrowError> =>
  Effect.uninterruptibleMask((restore) =>
    borrowed(engine, timeout, restore, (slot) => Effect.succeed(engine.present(slot, "Manual")))
  )
