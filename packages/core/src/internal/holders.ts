/** The part of a holder that lending needs, for fibers and for promise borrowers. */
import { Caller } from "./caller.js"
import * as Fibers from "./effect/ancestors.js"
import { fiberNumber, type Holder as FiberHolder } from "./effect/fiber.js"
import type { Holder } from "./state.js"

/** The name of a holder in errors, logs and events. */
export const nameOf = (holder: Holder): string =>
  holder instanceof Caller ? `promise #${holder.number}` : `#${fiberNumber(holder)}`

/** Whether a holder was started by another, directly or not. */
export const isAncestor = (ancestor: Holder, holder: Holder): boolean => {
  if (holder instanceof Caller) return holder.isWithin(ancestor)
  return !(ancestor instanceof Caller) && Fibers.isAncestor(ancestor, holder)
}

/**
 * Whether none of these ancestors goes on before the holder ends. Of promises, nobody can see who awaits them: a call
 * within a `use` counts as awaited by it.
 */
export const allWaitFor = (holder: Holder, ancestors: ReadonlySet<Holder>): boolean =>
  holder instanceof Caller || Fibers.allWaitFor(holder, ancestors as ReadonlySet<FiberHolder>)
