/** The Effect side of slots: opens, resets and closes their connections, each in fibers of the pool. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import {
  type CloseableScope,
  type Fiber,
  graceTurn,
  hasDies,
  isOnlyInterrupted,
  stop,
  yieldNow
} from "./effect/fiber.js"
import type { Resolved } from "./options.js"
import type { PoolRuntime } from "./runtime.js"
import type { Slot } from "./state.js"
import { isNormal } from "./transitions/retiring.js"

/** The scope that a connection lives in, and the fibers that serve it. */
interface Lifetime {
  scope: CloseableScope | undefined
  opener: Fiber<void, never> | undefined
  watcher: Fiber<unknown, unknown> | undefined
  /** Other fibers that use the open connection. They stop when it closes. Few connections have any. */
  helpers: Set<Fiber<any, any>> | undefined
}

/** The engine's side: it takes reports. */
export interface LifecycleListener<C> {
  /** Returns whether the connection is wanted; if not, it closes at once. `drawn` is its random number from 0 to 1. */
  readonly opened: (slot: Slot<C>, connection: C, drawn: number) => boolean
  readonly openFailed: (slot: Slot<C>, cause: Cause.Cause<unknown>) => void
  readonly died: (slot: Slot<C>, reason: "Disconnected" | "Desync") => void
  /** Nothing is left of the slot. The report may come after the engine has written the slot off. */
  readonly gone: (slot: Slot<C>) => void
}

/**
 * Limits the closes in one turn of the event loop. One takes some twenty microseconds, not counting the work of the
 * finalizers.
 */
const closesPerTurn = 100

export class ConnectionLifecycle<C, E> {
  private readonly lifetimes = new Map<Slot<C>, Lifetime>()
  /** The number of closes in this turn. */
  private closes = 0
  /** The closes for later turns, from `done` on. */
  private readonly backlog: Array<() => void> = []
  private done = 0

  constructor(
    private readonly runtime: PoolRuntime,
    private readonly connect: (slot: Slot<C>) => Effect.Effect<C, E, Scope.Scope>,
    private readonly hooks: Pick<Resolved<C, unknown, unknown>, "closed" | "whenEnded">,
    /** Says goodbye to a connection before a normal close. */
    private readonly farewell: ((slot: Slot<C>) => Effect.Effect<void>) | undefined,
    /** Whether a random number is drawn for each connection. */
    private readonly draws: boolean,
    private readonly listener: LifecycleListener<C>
  ) {}

  open(slot: Slot<C>): void {
    const life: Lifetime = { scope: undefined, opener: undefined, watcher: undefined, helpers: undefined }
    this.lifetimes.set(slot, life)
    const connect = this.connect(slot)
    const opener = this.runtime.fork(Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.make(), (scope) => {
        life.scope = scope
        return Effect.matchCauseEffect(restore(Effect.provideService(connect, Scope.Scope, scope)), {
          onFailure: (cause) => {
            this.listener.openFailed(slot, notInterrupted(cause))
            return this.closeScope(slot, scope)
          },
          onSuccess: (connection) =>
            Effect.flatMap(this.draws ? Random.next : Effect.succeed(0), (drawn) => {
              if (!this.listener.opened(slot, connection, drawn)) return this.closeScope(slot, scope)
              this.watch(slot, life, connection)
              return Effect.void
            })
        })
      })
    ))
    life.opener = opener
    opener.addObserver(() => {
      life.opener = undefined
      // A fiber that was interrupted before its first step has reported nothing itself.
      if (slot.phase === "Opening") this.listener.openFailed(slot, Cause.die(interrupted()))
      if (slot.phase === "Aborting") this.listener.gone(slot)
    })
  }

  /** Aborts an open in flight. Anything it has opened by then, or still opens later, closes. */
  abort(slot: Slot<C>): void {
    stop(this.lifetimes.get(slot)?.opener)
  }

  /** Asks an open connection a question. It is interrupted if the connection closes meanwhile. */
  ask<A>(slot: Slot<C>, question: Effect.Effect<A>, answered: (exit: Exit.Exit<A>) => void): void {
    const helper = this.runtime.fork(question)
    const life = this.lifetimes.get(slot)
    if (life !== undefined) (life.helpers ??= new Set()).add(helper)
    helper.addObserver((exit) => {
      life?.helpers?.delete(helper)
      answered(exit)
    })
  }

  /** Closes a connection. Its finalizers alone decide how long that takes, unless very many close at once. */
  close(slot: Slot<C>): void {
    const life = this.lifetimes.get(slot)!
    if (this.backlog.length === 0 && this.closes < closesPerTurn) {
      if (this.closes++ === 0) this.runtime.later(this.turn)
      this.closeNow(slot, life)
    } else if (this.backlog.push(() => this.closeNow(slot, life)) === 1) {
      this.runtime.fork(this.closeBacklog)
    }
  }

  private readonly turn = (): void => {
    this.closes = 0
  }

  private readonly closeBacklog: Effect.Effect<void> = Effect.flatMap(graceTurn, () => {
    const end = Math.min(this.done + closesPerTurn, this.backlog.length)
    while (this.done < end) this.backlog[this.done++]!()
    // Yields first: a timer set before these have closed would be due afterwards, and fire in this same turn.
    if (this.done < this.backlog.length) return Effect.andThen(yieldNow, this.closeBacklog)
    this.backlog.length = 0
    this.done = 0
    return Effect.void
  })

  private closeNow(slot: Slot<C>, life: Lifetime): void {
    stop(life.watcher)
    for (const helper of life.helpers ?? []) stop(helper)
    const close = this.closeScope(slot, life.scope!)
    const closing = this.farewell === undefined || slot.isSpoiled || !isNormal(slot.reason!) ?
      close :
      Effect.andThen(this.farewell(slot), close)
    this.runtime.fork(Effect.uninterruptible(closing)).addObserver(() => this.listener.gone(slot))
  }

  /** Forgets a slot of which nothing is left. */
  forget(slot: Slot<C>): void {
    this.lifetimes.delete(slot)
  }

  /** Reports when the peer goes away. */
  private watch(slot: Slot<C>, life: Lifetime, connection: C): void {
    const { closed, whenEnded } = this.hooks
    // A turn of its own, because the connection may end in the middle of a step of its borrower or of the pool.
    whenEnded?.(connection, (reason) => this.runtime.later(() => this.listener.died(slot, named(reason))))
    if (closed === undefined) return
    life.watcher = this.runtime.fork(Effect.suspend(() => closed(connection)))
    life.watcher.addObserver((exit) => {
      if (exit._tag === "Failure" && hasDies(exit.cause)) this.runtime.warn("closed died", exit.cause, slot)
      this.listener.died(slot, named(exit._tag === "Success" && exit.value))
    })
  }

  /** Runs a connection's finalizers. A defect in them is logged: the borrower has left, and the pool continues. */
  private closeScope(slot: Slot<C>, scope: CloseableScope): Effect.Effect<void> {
    return Effect.matchCause(Scope.close(scope, Exit.void), {
      onFailure: (cause) => this.runtime.warn("a connection's finalizer died", cause, slot),
      onSuccess: () => {}
    })
  }
}

/** The reason for the close of a connection that has ended. */
const named = (reason: unknown): "Disconnected" | "Desync" => reason === "Desync" ? "Desync" : "Disconnected"

const interrupted = (): Error => new Error("the open was interrupted, but not by the pool")

/** An open that interrupts itself is a defect: the waiter that it fails was not interrupted. */
const notInterrupted = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  isOnlyInterrupted(cause) ? Cause.die(interrupted()) : cause
