/** The borrower's side for promises: `borrow.ts` without fibers. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { callback, duration, having, name, optional, that } from "../checks/rules.js"
import { argument, type Rows, Table } from "../checks/table.js"
import type { ConnectionPool } from "../ConnectionPool.js"
import { ConnectionNotFoundError } from "../PoolError.js"
import type { PoolStats } from "../PoolStats.js"
import type { Options, PromiseLease, PromisePool, Signal } from "../PromisePool.js"
import { joinQueue, outcome, rejectClosed } from "./borrow.js"
import { Caller, enclosing, runWithin } from "./caller.js"
import { ConnectionPoolImpl } from "./connectionPool.js"
import { causeOfRejection, interrupted } from "./effect/fiber.js"
import type { Engine } from "./engine.js"
import { snapshot } from "./snapshot.js"
import { type Lease, Waiter } from "./state.js"
import * as Retiring from "./transitions/retiring.js"

/** A host that has no symbol for these has no `using` either. */
const dispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose")
const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")

// --- Options --------------------------------------------------------------------------------------------------------

interface Terms {
  readonly signal: Signal | undefined
  readonly timeout: number | undefined
  readonly label: string | undefined
}

const noTerms: Terms = { signal: undefined, timeout: undefined, label: undefined }

const listens = having<Signal>("an AbortSignal", "addEventListener", "removeEventListener")

const terms = new Table(
  {
    signal: optional((value, at) => {
      const signal = listens(value, at)
      return typeof signal.aborted === "boolean" ? signal : at.refuse(value, "an AbortSignal")
    }),
    timeout: optional(duration("0 or more")),
    label: optional(name)
  } satisfies Rows<Options>
)

const read = (of: string, options: Options | undefined): Terms =>
  options === undefined ? noTerms : terms.read(of, options)

const isAborted = ({ signal }: Terms): boolean => signal !== undefined && signal.aborted

// --- Waiting --------------------------------------------------------------------------------------------------------

/** The error of a promise that rejects for a cause. */
const errorOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  exit._tag === "Failure" ? Cause.squash(exit.cause) : undefined

/**
 * A call in the queue. It takes up its lease at the hand-off itself: its promise resolves at once, and an abort comes too
 * late from then on. While the hand-off is held back, an abort gives the lease back.
 */
class CallWaiter<C> extends Waiter<C> {
  private engine!: Engine<C, any>
  private taken!: (lease: Lease<C>, waitedMillis: number) => unknown
  private resolve!: (value: any) => void
  private reject!: (reason: unknown) => void
  /** Stops listening and the timer, if there are any. */
  private cleanUp: (() => void) | undefined = undefined

  /** Resolves with what becomes of the lease. */
  wait<A>(
    engine: Engine<C, any>,
    signal: Signal | undefined,
    taken: (lease: Lease<C>, waitedMillis: number) => A
  ): Promise<A> {
    this.engine = engine
    this.taken = taken
    return new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
      if (this.ownDeadline || signal !== undefined) this.cleanUp = this.listen(signal)
      this.park()
    })
  }

  private listen(signal: Signal | undefined): () => void {
    const { leases } = this.engine
    const stopTimer = leases.startTimer(this)
    const abort = () => {
      leases.withdraw(this)
      this.fail(signal!.reason)
    }
    signal?.addEventListener("abort", abort)
    return () => {
      stopTimer()
      signal?.removeEventListener("abort", abort)
    }
  }

  private park(): void {
    if (this.list === undefined) settle.call(this)
    else this.wake = settle
  }

  settle(): void {
    // A hand-off that was held back may be of a lease that has ended since; it waits again.
    if (this.list !== undefined) return
    this.wake = undefined
    const { engine } = this
    if (this.failure !== undefined) return this.fail(errorOf(outcome(engine, this)))
    if (engine.leases.claim(this)) return this.takeUp(this.lease!)
    if (engine.state.phase !== "Running") return this.fail(rejectClosed(engine))
    engine.leases.requeue(this)
    this.park()
  }

  private takeUp(lease: Lease<C>): void {
    this.cleanUp?.()
    try {
      this.resolve(this.taken(lease, lease.since - this.since))
    } catch (defect) {
      this.reject(defect)
    }
  }

  private fail(reason: unknown): void {
    this.cleanUp?.()
    this.reject(reason)
  }
}

/** One function for all waiters: the engine calls it as a method of its waiter. */
function settle(this: void | CallWaiter<any>): void {
  ;(this as CallWaiter<any>).settle()
}

/** Waits in the queue, and takes up the lease. */
const waitInQueue = <C, A>(
  engine: Engine<C, any>,
  caller: Caller,
  { signal, timeout }: Terms,
  taken: (lease: Lease<C>, waitedMillis: number) => A
): Promise<A> => {
  const waiter = joinQueue(engine, caller, timeout, false, CallWaiter<C>)
  return waiter instanceof CallWaiter ? waiter.wait(engine, signal, taken) : Promise.reject(errorOf(waiter))
}

// --- Leases ---------------------------------------------------------------------------------------------------------

class HeldLease<C> implements PromiseLease<C> {
  readonly connection: C
  readonly #engine: Engine<C, any>
  readonly #lease: Lease<C>

  constructor(engine: Engine<C, any>, lease: Lease<C>, waitedMillis: number) {
    this.#engine = engine
    this.#lease = lease
    this.connection = engine.leases.present(lease, "Manual", waitedMillis)
  }

  release(): void {
    if (this.#hasEnded) throw this.#notFound("release")
    this.#engine.leases.end(this.#lease, Exit.void)
  }

  drop(): void {
    if (this.#hasEnded) throw this.#notFound("drop")
    const engine = this.#engine
    engine.run(Retiring.retire(engine.state, this.#lease.slot, "Dropped", engine.now()))
  }

  [dispose](): void {
    if (!this.#hasEnded) this.release()
  }

  async [asyncDispose](): Promise<void> {
    this[dispose]()
  }

  get #hasEnded(): boolean {
    return this.#lease.phase !== "Held"
  }

  #notFound(operation: "release" | "drop"): ConnectionNotFoundError {
    return new ConnectionNotFoundError({ pool: this.#engine.options.name, operation })
  }
}

/** A lease with the value that its holder gets. An operator may end it before the holder sees it. */
interface Presented<C> {
  readonly lease: Lease<C>
  readonly connection: C
}

class PromisePoolImpl<C, E> implements PromisePool<C> {
  readonly #engine: Engine<C, E>
  readonly #pool: ConnectionPool<C, E>
  readonly #take: (lease: Lease<C>, waitedMillis: number) => PromiseLease<C>
  readonly #present: (lease: Lease<C>, waitedMillis: number) => Presented<C>

  constructor(engine: Engine<C, E>, pool: ConnectionPool<C, E>) {
    this.#engine = engine
    this.#pool = pool
    this.#take = (lease, waitedMillis) => new HeldLease(engine, lease, waitedMillis)
    this.#present = (lease, waitedMillis) => ({
      lease,
      connection: engine.leases.present(lease, "Scoped", waitedMillis)
    })
  }

  get name(): string {
    return this.#pool.name
  }

  acquire(options?: Options): Promise<PromiseLease<C>> {
    try {
      const engine = this.#engine
      const terms = read("PromisePool.acquire", options)
      if (isAborted(terms)) return Promise.reject(terms.signal!.reason)
      const around = enclosing()
      // The calls that one `use` makes are one holder, unless they are told apart by name.
      const caller = around === undefined || terms.label !== undefined ? new Caller(around, terms.label) : around
      const lease = engine.leases.borrow(caller, false)
      return lease === undefined
        ? waitInQueue(engine, caller, terms, this.#take)
        : Promise.resolve(new HeldLease(engine, lease, 0))
    } catch (defect) {
      return Promise.reject(defect)
    }
  }

  async use<A>(f: (connection: C) => A | PromiseLike<A>, options?: Options): Promise<A> {
    const engine = this.#engine
    if (typeof f !== "function") argument("PromisePool.use", "f", callback, f)
    const terms = read("PromisePool.use", options)
    if (isAborted(terms)) throw terms.signal!.reason
    const caller = new Caller(enclosing(), terms.label)
    const idle = engine.leases.borrow(caller, false)
    const { connection, lease } = idle === undefined
      ? await waitInQueue(engine, caller, terms, this.#present)
      : this.#present(idle, 0)
    let value: A
    try {
      value = await runWithin(caller, f, connection)
    } catch (reason) {
      caller.hasEnded = true
      engine.leases.end(lease, isAborted(terms) ? interrupted : Exit.failCause(causeOfRejection(reason)))
      throw reason
    }
    caller.hasEnded = true
    engine.leases.end(lease, Exit.succeed(value))
    return value
  }

  stats(): PoolStats {
    return snapshot(this.#engine.state, this.#engine.now())
  }

  close(): Promise<void> {
    return Effect.runPromise(this.#pool.close)
  }

  [asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Opens a pool to code that is not Effect. */
export const promisesOf = <C, E>(pool: ConnectionPool<C, E>): PromisePool<C> => {
  const made = that<ConnectionPool<C, E>>(
    (value) => ConnectionPoolImpl.engineOf(value) !== undefined,
    "a pool that Pool.make has made"
  )
  return new PromisePoolImpl(ConnectionPoolImpl.engineOf(argument("Pool.promises", "pool", made, pool))!, pool)
}
