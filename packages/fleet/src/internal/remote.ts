/** A store on a server: it keeps the one session of this process, and opens another after one that has ended. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { BudgetUnavailable } from "../BudgetUnavailable.js"
import type { Answer, Report, Store } from "../FleetBudget.js"
import { forkDetached, recover } from "./effect.js"

/** The report of a process that leaves. */
export const nothing: Report = { held: 0, busy: 0, wanted: 0, limit: 0, reserve: 0, isFirst: false }

/** `S` is what is known of one session. Its failures of any kind become `BudgetUnavailable`. */
export abstract class RemoteStore<S extends { readonly closed: Effect.Effect<void> }> implements Store {
  readonly noticesCuts = true
  private current: { readonly session: S; readonly close: Effect.Effect<void> } | undefined = undefined

  constructor(
    readonly name: string,
    private readonly budget: string,
    readonly timeoutMillis: number,
    protected readonly signal: (signal: "News" | "Cut") => void
  ) {}

  // --- The parts of a store ------------------------------------------------------------------------------------------

  /** Opens a session and makes it ready. It ends with the scope. */
  protected abstract open(scope: Scope.Scope): Effect.Effect<S, unknown>

  protected abstract ask(session: S, report: Report): Effect.Effect<Answer, unknown>

  protected abstract takeOut(session: S): Effect.Effect<void, unknown>

  // --- The session --------------------------------------------------------------------------------------------------

  protected isCurrent(session: S): boolean {
    return this.current?.session === session
  }

  private get connect(): Effect.Effect<S, unknown> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen(this, function*() {
        const scope = yield* Scope.make()
        const opened = yield* Effect.exit(restore(this.open(scope)))
        if (Exit.isFailure(opened)) {
          yield* Scope.close(scope, opened)
          return yield* Effect.failCause(opened.cause)
        }
        const session = opened.value
        const close = Scope.close(scope, Exit.void)
        // This fiber ends with the scope, so that it cannot wait for its end.
        const ended = Effect.suspend(() => this.isCurrent(session) ? forkDetached(this.cut()) : Effect.void)
        yield* Effect.forkIn(Effect.interruptible(Effect.andThen(session.closed, ended)), scope)
        this.current = { session, close }
        return session
      })
    )
  }

  /** Others may get the places of this process from now on. Returns what closes the session. */
  private cut(): Effect.Effect<void> {
    if (this.current !== undefined) this.signal("Cut")
    return this.disconnect()
  }

  disconnect(): Effect.Effect<void> {
    const { current } = this
    this.current = undefined
    return current === undefined ? Effect.void : current.close
  }

  // --- Calls --------------------------------------------------------------------------------------------------------

  sync(report: Report): Effect.Effect<Answer, BudgetUnavailable> {
    return this.reaching((session) => this.ask(session, report))
  }

  get leave(): Effect.Effect<void, BudgetUnavailable> {
    return this.reaching((session) => this.takeOut(session))
  }

  /** A call that fails ends the session: no call on the next session can be overtaken by an older one. */
  private reaching<A>(call: (session: S) => Effect.Effect<A, unknown>): Effect.Effect<A, BudgetUnavailable> {
    const connected = Effect.suspend(() =>
      this.current === undefined ? this.connect : Effect.succeed(this.current.session)
    )
    return Effect.onExit(
      recover(Effect.flatMap(connected, call), (error) =>
        error instanceof BudgetUnavailable
          ? Effect.fail(error)
          : this.unavailable("Unreachable", error instanceof Error ? error.message : String(error), error)),
      (exit) => Exit.isSuccess(exit) ? Effect.void : this.cut()
    )
  }

  protected unavailable(
    reason: BudgetUnavailable["reason"],
    detail: string,
    cause?: unknown
  ): Effect.Effect<never, BudgetUnavailable> {
    const more = cause === undefined ? {} : { cause }
    return Effect.fail(new BudgetUnavailable({ budget: this.budget, store: this.name, reason, detail, ...more }))
  }
}

/** Connects a process to a store. Its session ends with the scope. */
export const connected = <S extends RemoteStore<any>>(make: () => S): Effect.Effect<S, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.sync(make), (store) => store.disconnect())
