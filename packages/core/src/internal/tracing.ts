/**
 * The spans of a pool: `Pool.acquire` for a borrower that waits, and `Pool.connect`, `Pool.validate`, `Pool.release` and
 * `Pool.farewell` for the hooks of those names and `open`. Without a tracer there are none.
 */
import * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AnySpan, Span } from "effect/Tracer"
import type { Holder } from "./effect/fiber.js"
import { type Attributes, beginSpan, isTraced, rootSpan, spanNow } from "./effect/tracing.js"
import type { PoolRuntime } from "./runtime.js"

export type { Attributes }

/** The span of one borrower's wait. */
export interface Wait {
  readonly served: (connection: number) => void
  readonly failed: (exit: Exit.Exit<unknown, unknown>) => void
}

/**
 * Begins the span of a borrower's wait, as `Effect.useSpan` would. It begins and ends in the middle of the steps it
 * measures, so it must take no step of its own. A defect of the tracer is logged and costs no lease.
 */
export const wait = (fiber: Holder, attributes: Attributes, runtime: PoolRuntime): Wait | undefined => {
  if (!isTraced(fiber)) return undefined
  const guarded = <A>(trace: () => A): A | undefined => {
    try {
      return trace()
    } catch (defect) {
      runtime.warn("the tracer died", Cause.die(defect))
      return undefined
    }
  }
  const span = guarded(() => begin(fiber, attributes))
  return span && {
    served: (connection) =>
      guarded(() => {
        span.attribute("socketpool.connection.id", connection)
        span.end(spanNow(fiber), Exit.void)
      }),
    failed: (exit) => guarded(() => span.end(spanNow(fiber), exit))
  }
}

const begin = (fiber: Holder, attributes: Attributes): Span => {
  const span = beginSpan(fiber, "Pool.acquire")
  for (const [key, value] of Object.entries(attributes)) span.attribute(key, value)
  return span
}

type Traced = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  attributes: Attributes,
  cause: AnySpan | undefined
) => Effect.Effect<A, E, R>

/**
 * Runs a hook in a span of its own. The span is a root, because the connection outlives the request for which the hook
 * runs, and has a link to that request.
 */
const traced = (name: string): Traced => (effect, attributes, cause) =>
  rootSpan(effect, name, { link: cause, attributes })

export const connect = traced("Pool.connect")
export const validate = traced("Pool.validate")
export const release = traced("Pool.release")
export const farewell = traced("Pool.farewell")
