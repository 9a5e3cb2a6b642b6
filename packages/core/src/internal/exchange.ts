/** Leases a connection for one request and its answer. The fiber takes two steps, and is woken once. */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Connection, OperationOptions } from "../Connection.js"
import type { ConnectionError } from "../ConnectionError.js"
import type { Decoder } from "../Decoder.js"
import type { BorrowError } from "../PoolError.js"
import { joinQueue, outcome, takeUp } from "./borrow.js"
import { parkIn } from "./effect/fiber.js"
import type { Engine } from "./engine.js"
import { Continuation, type Guard, guarded } from "./interruption.js"
import { type Lease, Waiter } from "./state.js"
import * as Tracing from "./tracing.js"
import { sessionOf } from "./transport/access.js"
import { decoderOf, Exchanging, type Frames, type Holder, ownTimeout, startExchange } from "./transport/operation.js"

export interface Request<C, A> {
  readonly data: Uint8Array | string
  readonly framing: Frames<A>
  readonly options: OperationOptions | undefined
  /** The exchange of a connection that has one of its own; `undefined` for one that does as every connection does. */
  readonly own: (connection: C) => Effect.Effect<A, ConnectionError> | undefined
}

type Failure<E> = E | BorrowError | ConnectionError
type Resume<A, E> = (effect: Effect.Effect<A, E>) => void

/**
 * A request, from the borrow to the end of the lease. While the fiber waits for a connection, a task of the scheduler
 * takes up the lease and sends the request. The lease ends when the answer has come, before the fiber goes on: an
 * interrupt between the two costs no connection. After a failure it ends on the fiber.
 */
class Exchange<C, E, A> extends Continuation<A, Failure<E>, A, Failure<E>, never> {
  /** Its place in the queue, until the lease is taken up. */
  private waiter: Waiter<C> | undefined = undefined
  private trace: Tracing.Wait | undefined = undefined
  private stopTimer: (() => void) | undefined = undefined
  /** The lease, from when it is taken up until it has ended. */
  private lease: Lease<C> | undefined = undefined
  private operation: Exchanging<A> | undefined = undefined
  private resume: Resume<A, Failure<E>> | undefined = undefined
  /** Whether the fiber waits no more. */
  private isOver = false

  constructor(
    fiber: Holder,
    private readonly engine: Engine<C, E>,
    private readonly request: Request<C, A>,
    private readonly decoder: Decoder<A>,
    /** Milliseconds. Without one, the connection's own limit holds. */
    private readonly timeout: number | undefined
  ) {
    super(fiber)
  }

  run(guard: Guard): Effect.Effect<A, Failure<E>> {
    const { engine, fiber } = this
    const lease = engine.leases.borrow(fiber, false)
    if (lease === undefined) {
      const waiter = joinQueue(engine, fiber, undefined, false, Waiter<C>)
      if (!(waiter instanceof Waiter)) return waiter
      this.waiter = waiter
      this.stopTimer = engine.leases.startTimer(waiter)
      this.trace = Tracing.wait(fiber, engine.attributes, engine.runtime)
      return guard.run(wait<A, Failure<E>>, this, this)
    }
    const answered = this.send(lease, 0)
    if (answered === undefined) return guard.run(wait<A, Failure<E>>, this, this)
    return Exit.isExit(answered)
      ? this.finish(answered as Exit.Exit<A, ConnectionError>)
      : guard.run(same, answered, this)
  }

  /** Waits for a connection, or for the answer. */
  wait(resume: Resume<A, Failure<E>>): void {
    const { operation, waiter } = this
    this.resume = resume
    if (operation !== undefined) return operation.wait(this.answered)
    waiter!.wake = this.woken
    if (waiter!.list === undefined) this.served()
  }

  /** Called by the engine, in the middle of its work. */
  private readonly woken = (): void => {
    if (this.waiter!.failure === undefined) this.engine.runtime.later(this.served)
    else this.served()
  }

  private readonly served = (): void => {
    const { engine } = this
    const waiter = this.waiter!
    if (this.isOver) return
    if (waiter.failure !== undefined) return this.resume!(outcome(engine, waiter) as Exit.Exit<never, Failure<E>>)
    const taken = takeUp(engine, waiter)
    if (taken === undefined) return
    if (Exit.isExit(taken)) return this.resume!(taken as Exit.Exit<never, Failure<E>>)
    this.trace?.served(taken.slot.id)
    let answered: Effect.Effect<A, ConnectionError> | undefined
    try {
      answered = this.send(taken, taken.since - waiter.since)
    } catch (defect) {
      answered = Exit.die(defect)
    }
    if (answered === undefined) this.operation!.wait(this.answered)
    else this.answered(answered)
  }

  /** Sends the request. Returns the answer if it is there at once, or how the connection itself comes by it. */
  private send(lease: Lease<C>, waitedMillis: number): Effect.Effect<A, ConnectionError> | undefined {
    const { decoder, fiber, request: { data, own }, timeout } = this
    this.stopTimer?.()
    this.waiter = undefined
    const connection = this.engine.leases.present(lease, "Scoped", waitedMillis)
    this.lease = lease
    const effect = own(connection)
    if (effect !== undefined) return effect
    const session = sessionOf(connection as object)
    const started = startExchange(fiber, session, connection, data, decoder, timeout ?? session.timeout)
    if (!(started instanceof Exchanging)) return started
    this.operation = started
    return undefined
  }

  private readonly answered = (answered: Effect.Effect<A, ConnectionError>): void => {
    if (Exit.isExit(answered) && Exit.isSuccess(answered)) this.endLease(answered)
    this.resume!(answered)
  }

  private finish<B, E2>(exit: Exit.Exit<B, E2>): Exit.Exit<B, E2> {
    this.endLease(exit)
    return exit
  }

  private endLease(exit: Exit.Exit<unknown, unknown>): void {
    const { lease } = this
    if (lease === undefined) return
    this.lease = undefined
    this.engine.leases.end(lease, exit)
  }

  onFailure(cause: Cause.Cause<Failure<E>>): Exit.Exit<never, Failure<E>> {
    const exit = Exit.failCause(cause)
    const { lease, operation, waiter } = this
    this.isOver = true
    if (lease !== undefined) {
      operation?.onFailure(cause as Cause.Cause<ConnectionError>)
      return this.finish(exit)
    }
    if (waiter !== undefined) {
      this.stopTimer?.()
      this.engine.leases.withdraw(waiter)
      this.trace?.failed(exit)
    }
    return exit
  }

  onSuccess(value: A, exit: Exit.Exit<A> = Exit.succeed(value)): Exit.Exit<A> {
    return this.finish(exit)
  }
}

const wait = <A, E>(exchange: { readonly fiber: Holder; readonly wait: (resume: Resume<A, E>) => void }) =>
  parkIn<A, E>(exchange.fiber, (resume) => exchange.wait(resume))

const same = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> => effect

const exchanged = <C, E, A>(
  fiber: Holder,
  guard: Guard,
  engine: Engine<C, E>,
  request: Request<C, A>
): Effect.Effect<A, Failure<E>> => {
  const timeout = ownTimeout(request.options)
  const decoder = decoderOf(request.data, request.framing)
  return new Exchange(fiber, engine, request, decoder, timeout).run(guard)
}

export const exchange = <C extends Connection, E, A>(
  engine: Engine<C, E>,
  request: Request<C, A>
): Effect.Effect<A, Failure<E>> => guarded(exchanged<C, E, A>, engine, request, undefined)
