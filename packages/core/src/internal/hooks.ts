/** The user's functions, each behind a boundary: one that dies says so in the log and breaks nothing. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { CloseReason } from "../PoolStats.js"
import type { Host } from "./host.js"
import type { Resolved } from "./options.js"
import type { Slot } from "./state.js"

/** What `onRelease` answers. */
export type Verdict = "keep" | "discard"

const keep: Exit.Exit<Verdict> = Exit.succeed("keep")
const discard: Exit.Exit<Verdict> = Exit.succeed("discard")

/** Without `onRelease`: a success or a typed failure leaves the connection as good as it was. */
const byExit = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<Verdict> =>
  exit._tag === "Failure" && (Cause.isInterrupted(exit.cause) || Cause.isDie(exit.cause)) ? discard : keep

export class Hooks<C> {
  constructor(
    private readonly options: Pick<
      Resolved<C, unknown, unknown>,
      "isConnected" | "isExpired" | "lease" | "onRelease" | "validate"
    >,
    private readonly host: Host
  ) {}

  /** Whether borrowers get views instead of connections. */
  get hasViews(): boolean {
    return this.options.lease !== undefined
  }

  /** Why a connection must not be lent (again), as far as can be told at once. */
  unfit(slot: Slot<C>, now: number): CloseReason | undefined {
    if (slot.reason !== undefined) return slot.reason
    if (slot.expiresAt <= now) return "Expired"
    const { isConnected, isExpired } = this.options
    try {
      if (isConnected !== undefined && !isConnected(slot.connection!)) return "Disconnected"
      if (isExpired !== undefined && isExpired(slot.connection!)) return "Expired"
    } catch (defect) {
      this.host.report("isConnected or isExpired died", Cause.die(defect))
      return "Invalid"
    }
    return undefined
  }

  /** Whether a connection says that it works. It has no other way to fail than to say no. */
  validate(connection: C): Effect.Effect<boolean> {
    return Effect.matchCause(Effect.suspend(() => this.options.validate!(connection)), {
      onFailure: (cause) => {
        if (Cause.isDie(cause)) this.host.report("validate died", cause)
        return false
      },
      onSuccess: (works) => works === true
    })
  }

  /** What the holder of a lease gets; its defect is the holder's to hear. */
  view(connection: C): C {
    return this.options.lease === undefined ? connection : this.options.lease(connection)
  }

  /** Whether a connection whose lease has ended is lent again. An `Exit` is an answer at hand. */
  verdict(connection: C, exit: Exit.Exit<unknown, unknown>): Effect.Effect<Verdict> {
    if (this.options.onRelease === undefined) return byExit(exit)
    try {
      return this.options.onRelease(connection, exit)
    } catch (defect) {
      return Effect.die(defect)
    }
  }
}
