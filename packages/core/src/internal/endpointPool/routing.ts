/**
 * The way of a borrower from endpoint to endpoint. It waits at one at a time. If that fails, the borrower goes on to the
 * next with what is left of its deadline, and to none twice. Nothing has been lent by then, so no work is repeated.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { NoEndpointError } from "../../PoolError.js"
import { type BorrowError, PoolClosedError, PoolExhaustedError } from "../../PoolError.js"
import { failWith, hold, rejectClosed } from "../borrow.js"
import { type Holder, parkIn, spanOf } from "../effect/fiber.js"
import type { Engine } from "../engine.js"
import * as Ancestry from "../holders.js"
import { Continuation, type Guard, inMask } from "../interruption.js"
import { heldBy, longestHolders } from "../snapshot.js"
import { type Lease, type OpenFailure, Waiter } from "../state.js"
import * as Tracing from "../tracing.js"
import { standstill } from "../transitions/demand.js"
import * as Leases from "../transitions/leases.js"
import { waitsForItself } from "../transitions/queue.js"
import type { Member } from "./member.js"
import type { Selection } from "./selection.js"

type RouteError = BorrowError | NoEndpointError

export type Then<C, E, A, E2, R> = (
  engine: Engine<C, E>,
  lease: Lease<C>,
  waitedMillis: number
) => Effect.Effect<A, E2, R>

class Route<C, E, A, E2, R> {
  private readonly since: number
  private readonly deadline: number
  /** The endpoints that have failed since it came. */
  private tried: Set<Member<C, E>> | undefined = undefined
  /** The failure of the last of them. */
  private failure: Exit.Exit<never, E | BorrowError> | undefined = undefined
  private lastTried: Engine<C, E> | undefined = undefined
  private trace: Tracing.Wait | undefined = undefined
  private hasWaited = false

  constructor(
    private readonly selection: Selection<C, E>,
    readonly fiber: Holder,
    readonly guard: Guard,
    private readonly ownTimeout: number | undefined,
    private readonly isExclusive: boolean,
    private readonly then: Then<C, E, A, E2, R>
  ) {
    const { runtime, settings } = selection.group
    this.since = runtime.now()
    this.deadline = this.since + (ownTimeout ?? settings.acquireTimeout)
  }

  /** Goes to the next endpoint, and borrows or waits there. */
  step(first?: Member<C, E>): Effect.Effect<A, E | E2 | RouteError, R> {
    const { group } = this.selection
    let member = first
    for (;;) {
      if (group.isClosed) return this.fail(Exit.fail(rejectClosed(group.lobby)))
      member ??= this.selection.pick(this.tried)
      if (member === undefined) return this.withoutEndpoint()
      const { engine } = member
      const lease = engine.leases.borrow(this.fiber, this.isExclusive)
      if (lease !== undefined) return this.taken(engine, lease)
      const paused = engine.state.pause && standstill(engine.state, engine.now())
      if (paused === undefined) return this.ownTimeout === 0 ? this.withoutWaiting(member) : this.wait(engine, member)
      this.leave(member, paused)
      member = undefined
    }
  }

  /** The lease is there. */
  taken(engine: Engine<C, E>, lease: Lease<C>): Effect.Effect<A, E | E2 | RouteError, R> {
    if (this.hasWaited) Leases.endWait(engine.state)
    return this.served(engine, lease)
  }

  served(engine: Engine<C, E>, lease: Lease<C>): Effect.Effect<A, E | E2 | RouteError, R> {
    this.trace?.served(lease.slot.id)
    return this.then(engine, lease, lease.since - this.since)
  }

  fail(exit: Exit.Exit<never, E | RouteError>): Exit.Exit<never, E | RouteError> {
    this.trace?.failed(exit)
    return exit
  }

  /** Whether an endpoint is one of those that it asked for, at the moment. */
  mayUse(member: Member<C, E>): boolean {
    return this.selection.has(member)
  }

  /** An endpoint has failed. */
  leave(member: Member<C, E>, failure: OpenFailure): void {
    this.lastTried = member.engine
    this.failure = failWith(member.engine, failure)
    this.tried = (this.tried ?? new Set()).add(member)
  }

  private withoutEndpoint(): Effect.Effect<A, E | E2 | RouteError, R> {
    const { group } = this.selection
    if (this.failure !== undefined) {
      this.lastTried!.leases.turnAway("OpenFailed")
      return this.fail(this.failure)
    }
    const mayCome = !group.hasSet || this.selection.mayGrow
    if (this.ownTimeout === 0 || !mayCome) return this.fail(Exit.fail(this.selection.missing(this.since)))
    return this.wait(group.lobby, undefined)
  }

  /** Looks at the other endpoints, too, before it refuses a borrower that does not wait. */
  private withoutWaiting(chosen: Member<C, E>): Effect.Effect<A, E | E2 | RouteError, R> {
    for (const { engine } of this.selection.members) {
      const lease = engine.leases.borrow(this.fiber, this.isExclusive)
      if (lease !== undefined) return this.taken(engine, lease)
    }
    chosen.engine.leases.reject("NoWait")
    return this.fail(Exit.fail(this.exhausted("NoWait")))
  }

  private wait(
    engine: Engine<C, E>,
    member: Member<C, E> | undefined
  ): Effect.Effect<A, E | E2 | RouteError, R> {
    const now = engine.now()
    const rejection = this.deadline <= now ? "Timeout" : this.refusal()
    if (rejection !== undefined) {
      engine.leases.reject(rejection)
      return this.fail(Exit.fail(this.exhausted(rejection)))
    }
    const { fiber } = this
    const isOwn = this.hasWaited || this.ownTimeout !== undefined
    const waiter = new Waiter<C>(fiber, spanOf(fiber), this.since, this.deadline, isOwn, undefined, this.isExclusive)
    waiter.canMove = true
    this.hasWaited = true
    engine.leases.enqueue(waiter, now)
    if (member === undefined) this.selection.group.roles?.refresh()
    const stopTimer = engine.leases.startTimer(waiter)
    this.trace ??= Tracing.wait(fiber, engine.attributes, engine.runtime)
    return new Waiting<C, E, A, E2, R>(this, engine, member, waiter, stopTimer).begin()
  }

  /** The reason why it must not wait. */
  private refusal(): "QueueFull" | "SelfDeadlock" | undefined {
    const { fiber, isExclusive, selection } = this
    const { budget, queued, settings } = selection.group
    const { members } = selection
    const isBlocked = members.length > 0 &&
      members.every(({ state }) => waitsForItself(state, fiber, Ancestry, isExclusive))
    if (isBlocked || budget.isHeldBy(fiber)) return "SelfDeadlock"
    return !this.hasWaited && queued >= settings.maxPending ? "QueueFull" : undefined
  }

  /** The failure of a borrower that leaves a queue without a lease. */
  failureOf(engine: Engine<C, E>, waiter: Waiter<C>): Exit.Exit<void, E | RouteError> {
    const { failure } = waiter
    if (failure === undefined) return Exit.void
    switch (failure._tag) {
      case "Moved":
        return Exit.void
      case "AcquireTimeout":
        return Exit.fail(
          engine === this.selection.group.lobby ? this.selection.missing(this.since) : this.exhausted("Timeout")
        )
      case "Shed":
        return Exit.fail(this.exhausted("Shed", {
          targetMillis: engine.options.overload!.target,
          leastWaitMillis: Math.round(failure.leastWait),
          overloadedMillis: Math.round(failure.millis)
        }))
      case "LeaseEnded":
        return Exit.die(new Error("a borrower that has no lease cannot lose one"))
      case "PoolClosed":
        return Exit.fail(new PoolClosedError({ pool: this.selection.name }))
      default:
        return failWith(engine, failure)
    }
  }

  private exhausted(
    reason: PoolExhaustedError["reason"],
    overload?: PoolExhaustedError["overload"]
  ): PoolExhaustedError {
    const { fiber, selection } = this
    const { group, states } = selection
    const now = group.runtime.now()
    const last = selection.lastError
    return new PoolExhaustedError({
      pool: selection.name,
      reason,
      waitedMillis: Math.round(now - this.since),
      heldByCaller: states.reduce((held, state) => held + heldBy(state, fiber), 0),
      stats: selection.statsNow,
      longestHolders: states.flatMap((state) => [...longestHolders(state, now)])
        .sort((a, b) => b.heldMillis - a.heldMillis).slice(0, 3),
      ...(last === undefined ? {} : { lastConnectError: last.value }),
      ...(overload === undefined ? {} : { overload })
    })
  }
}

/** Waits at one endpoint, or for the first set of them. Only the wait can be interrupted. */
class Waiting<C, E, A, E2, R> extends Continuation<void, E | RouteError, A, E | E2 | RouteError, R> {
  constructor(
    private readonly route: Route<C, E, A, E2, R>,
    private readonly engine: Engine<C, E>,
    private readonly member: Member<C, E> | undefined,
    private readonly waiter: Waiter<C>,
    private readonly stopTimer: () => void
  ) {
    super(route.fiber)
  }

  begin(): Effect.Effect<A, E | E2 | RouteError, R> {
    return this.route.guard.run(parked<C, E, A, E2, R>, this, this)
  }

  park(resume: (effect: Effect.Effect<void, E | RouteError>) => void): void {
    const { engine, route, waiter } = this
    if (waiter.list === undefined) return resume(route.failureOf(engine, waiter))
    waiter.wake = () => resume(route.failureOf(engine, waiter))
  }

  onFailure(cause: Cause.Cause<E | RouteError>): Exit.Exit<never, E | RouteError> {
    this.stopTimer()
    this.engine.leases.withdraw(this.waiter)
    return this.route.fail(Exit.failCause(cause))
  }

  onSuccess(): Effect.Effect<A, E | E2 | RouteError, R> {
    const { engine, member, route, waiter } = this
    const { failure } = waiter
    if (failure?._tag === "Moved") {
      this.stopTimer()
      if (failure.failure !== undefined && member !== undefined) route.leave(member, failure.failure)
      return route.step()
    }
    if (engine.leases.claim(waiter)) {
      this.stopTimer()
      return route.served(engine, waiter.lease!)
    }
    // Its connection was lost between the hand-off and this step, perhaps because the endpoint has moved to another tier.
    if (engine.state.phase === "Running" && (member === undefined || route.mayUse(member))) {
      engine.leases.requeue(waiter)
      return new Waiting(route, engine, member, waiter, this.stopTimer).begin()
    }
    this.stopTimer()
    return route.step()
  }
}

const parked = <C, E, A, E2, R>(waiting: Waiting<C, E, A, E2, R>): Effect.Effect<void, E | RouteError> =>
  parkIn<void, E | RouteError>(waiting.fiber, (resume) => waiting.park(resume))

/** Leases a connection and continues with it. */
export const leased = <C, E, A, E2, R>(
  fiber: Holder,
  guard: Guard,
  selection: Selection<C, E>,
  then: Then<C, E, A, E2, R>
): Effect.Effect<A, E | E2 | RouteError, R> => {
  const member = selection.group.isClosed ? undefined : selection.pick(undefined)
  const lease = member?.engine.leases.borrow(fiber, false)
  return lease === undefined
    ? new Route(selection, fiber, guard, undefined, false, then).step(member)
    : then(member!.engine, lease, 0)
}

/** The body of `use`. */
export const used = <C, E, A, E2, R>(
  fiber: Holder,
  guard: Guard,
  selection: Selection<C, E>,
  f: (connection: C) => Effect.Effect<A, E2, R>,
  isExclusive: boolean
): Effect.Effect<A, E | E2 | RouteError, R> => {
  // Most borrowers find a connection at once, and need no route.
  const member = selection.group.isClosed ? undefined : selection.pick(undefined)
  if (member !== undefined) {
    const { engine } = member
    const lease = engine.leases.borrow(fiber, isExclusive)
    if (lease !== undefined) return hold(engine, guard, lease, 0, f)
  }
  const then: Then<C, E, A, E2, R> = (engine, lease, waitedMillis) => hold(engine, guard, lease, waitedMillis, f)
  return new Route(selection, fiber, guard, undefined, isExclusive, then).step(member)
}

/** Leases a connection until the caller's scope closes. */
export const scoped = <C, E>(
  selection: Selection<C, E>,
  isExclusive: boolean
): Effect.Effect<C, E | RouteError, Scope.Scope> =>
  inMask((fiber, guard) =>
    Effect.flatMap(Effect.scope, (scope) => {
      const then: Then<C, E, C, never, never> = (engine, lease, waitedMillis) => {
        const connection = engine.leases.present(lease, "Scoped", waitedMillis)
        return Effect.as(
          Scope.addFinalizerExit(scope, (exit) => Effect.sync(() => engine.leases.end(lease, exit))),
          connection
        )
      }
      return new Route(selection, fiber, guard, undefined, isExclusive, then).step()
    })
  )

/** Leases a connection until `release` or `drop`. */
export const manual = <C, E>(selection: Selection<C, E>, timeout?: number): Effect.Effect<C, E | RouteError> =>
  inMask((fiber, guard) => {
    const then: Then<C, E, C, never, never> = (engine, lease, waitedMillis) =>
      Effect.succeed(engine.leases.present(lease, "Manual", waitedMillis))
    return new Route(selection, fiber, guard, timeout, false, then).step()
  })
