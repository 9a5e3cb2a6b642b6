/** The fibers that wait for the floor to be filled. */
import * as Effect from "effect/Effect"
import { async } from "./effect/fiber.js"
import { keepAlive } from "./host.js"
import type { OpenFailure, State } from "./state.js"
import { isReady } from "./transitions/demand.js"

type Answer = "Ready" | OpenFailure

export class Readiness {
  private readonly waiting = new Set<(answer: Answer) => void>()
  /** The reason why the last open for the floor failed. */
  private lastFailure: OpenFailure | undefined = undefined

  constructor(private readonly state: State<any>) {}

  private readonly next: Effect.Effect<Answer> = async((resume) => {
    const answer = this.current()
    if (answer !== undefined) return resume(Effect.succeed(answer))
    // The refill is quiet, and somebody waits for it now.
    const letGo = keepAlive()
    const listener = (answer: Answer) => {
      letGo()
      resume(Effect.succeed(answer))
    }
    this.waiting.add(listener)
    return Effect.sync(() => {
      this.waiting.delete(listener)
      letGo()
    })
  })

  /**
   * Completes when the floor is filled, or with the failure of the next attempt to fill it. The caller's fiber resumes
   * one turn after the answer, and the floor may have a gap again by then. So it looks once more.
   */
  readonly answer: Effect.Effect<Answer> = Effect.flatMap(
    this.next,
    (answer) => answer === "Ready" && this.current() !== "Ready" ? this.answer : Effect.succeed(answer)
  )

  /** Call it after every change. */
  refresh(): void {
    if (this.waiting.size === 0) return
    const answer = this.current()
    if (answer !== undefined) this.notify(answer)
  }

  /** An open for the floor has failed. Without a reason: a connection was lost before its first use. */
  openFailed(failure: OpenFailure | undefined): void {
    this.lastFailure = failure
    if (failure !== undefined) this.notify(failure)
  }

  private current(): Answer | undefined {
    const { state } = this
    if (state.phase !== "Running") return { _tag: "PoolClosed" }
    if (isReady(state)) return "Ready"
    // Unknown while an attempt is in flight, or its connection on trial.
    return state.backingOff && state.opening.length === 0 && state.onTrial.size === 0 ? this.lastFailure : undefined
  }

  private notify(answer: Answer): void {
    const listeners = [...this.waiting]
    this.waiting.clear()
    for (const listener of listeners) listener(answer)
  }
}
