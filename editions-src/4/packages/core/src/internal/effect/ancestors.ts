/**
 * The seam to Effect: the fibers that a fiber was forked from. Reads the fiber's internals of Effect 4.1. Where they
 * have another shape, a fiber has no ancestors.
 *
 * Effect 4 keeps the parent of a fiber that `Effect.forkChild` started, while it runs. Fibers of a concurrent loop, of a
 * race or of a timeout have none, and no fiber shows who waits for it.
 */
import type { Holder } from "./fiber.js"

interface Child {
  readonly _parent: Holder | undefined
}

const parentOf = (fiber: Holder): Holder | undefined => (fiber as unknown as Child)._parent

/** Whether a fiber was forked from another, directly or not. Takes one step for each generation. */
export const isAncestor = (ancestor: Holder, fiber: Holder): boolean => {
  for (let parent = parentOf(fiber); parent !== undefined; parent = parentOf(parent)) {
    if (parent === ancestor) return true
  }
  return false
}

/** Whether each of these ancestors waits for the fiber. No fiber shows that it does. */
export const allWaitFor = (_fiber: Holder, ancestors: ReadonlySet<Holder>): boolean => ancestors.size === 0
