/** The user's functions, each behind a boundary: one that dies is logged and breaks nothing. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { CloseReason } from "../PoolStats.js"
import { hasDies, hasInterrupts } from "./effect/fiber.js"
import type { Resolved } from "./options.js"
import type { PoolRuntime } from "./runtime.js"
import type { Slot, State } from "./state.js"
import { isStale } from "./transitions/retiring.js"

/** The decision of `onRelease`. */
export type Verdict = "keep" | "discard" | "default"

/** After a success or a typed failure the connection is as good as before. */
const isWhole = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Success" || !(hasInterrupts(exit.cause) || hasDies(exit.cause))

export class Hooks<C> {
  constructor(
    private readonly options: Pick<
      Resolved<C, unknown, unknown>,
      | "hasServed"
      | "isAnswered"
      | "isConnected"
      | "isExpired"
      | "isFatal"
      | "isWhole"
      | "lease"
      | "onRelease"
      | "validate"
    >,
    private readonly runtime: PoolRuntime,
    private readonly state: State<C>
  ) {}

  /** Whether borrowers get views instead of connections. */
  get hasViews(): boolean {
    return this.options.lease !== undefined
  }

  /** Returns the reason why a connection must not be lent, as far as can be seen at once. */
  checkLendable(slot: Slot<C>, now: number): CloseReason | undefined {
    if (isStale(this.state, slot, now)) return "Stale"
    if (slot.reason !== undefined) return slot.reason
    if (slot.expiresAt <= now) return "Expired"
    const { isConnected, isExpired } = this.options
    try {
      if (isConnected !== undefined && !isConnected(slot.connection!)) return "Disconnected"
      if (isExpired !== undefined && isExpired(slot.connection!)) return "Expired"
    } catch (defect) {
      this.runtime.warn("isConnected or isExpired died", Cause.die(defect), slot)
      return "Invalid"
    }
    return undefined
  }

  /** Asks a connection whether it works. Any failure counts as a no. */
  validate(slot: Slot<C>): Effect.Effect<boolean> {
    return Effect.matchCause(Effect.suspend(() => this.options.validate!(slot.connection!)), {
      onFailure: (cause) => {
        if (hasDies(cause)) this.runtime.warn("validate died", cause, slot)
        return false
      },
      onSuccess: (works) => works === true
    })
  }

  /** Whether an open's failure is one that further opens would repeat. */
  isFatal(error: unknown, slot: Slot<C>): boolean {
    const { isFatal } = this.options
    if (isFatal === undefined) return false
    try {
      return isFatal(error) === true
    } catch (defect) {
      this.runtime.warn("isFatal died", Cause.die(defect), slot)
      return false
    }
  }

  /** Whether a lease ended with an answer. */
  isAnswered(exit: Exit.Exit<unknown, unknown>): boolean {
    const { isAnswered } = this.options
    return isAnswered === undefined ? exit._tag === "Success" : this.contained(() => isAnswered(exit))
  }

  /** The rule for a connection whose lease has ended: whether it is fit for another one, if nobody knows better. */
  isWhole(slot: Slot<C>, exit: Exit.Exit<unknown, unknown>): boolean {
    const own = this.options.isWhole
    return own === undefined ? isWhole(exit) : this.contained(() => own(slot.connection!, exit))
  }

  /** Asks a rule that asks the user's `isReply`. */
  private contained(rule: () => boolean): boolean {
    try {
      return rule()
    } catch (defect) {
      this.runtime.warn("isReply died", Cause.die(defect))
      return false
    }
  }

  /** Whether a lease that ended with an answer shows that the connection works. */
  hasServed(slot: Slot<C>): boolean {
    const { hasServed } = this.options
    return hasServed === undefined || hasServed(slot.connection!)
  }

  /** Returns the holder's view of the connection. A defect of `lease` reaches the holder. */
  view(connection: C): C {
    return this.options.lease === undefined ? connection : this.options.lease(connection)
  }

  /** Decides whether a connection whose lease has ended is lent again: at once, or as an effect. */
  verdict(slot: Slot<C>, exit: Exit.Exit<unknown, unknown>): "keep" | "discard" | Effect.Effect<Verdict> {
    if (this.options.onRelease === undefined) return this.isWhole(slot, exit) ? "keep" : "discard"
    try {
      return this.options.onRelease(slot.connection!, exit)
    } catch (defect) {
      return Effect.die(defect)
    }
  }
}
