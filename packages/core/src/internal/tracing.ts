/**
 * The spans of a pool: `Pool.acquire` for a borrower that waits, and `Pool.connect` for an open. Without a tracer there
 * are none.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { PoolRuntime } from "./runtime.js"
import type { Holder } from "./state.js"

export type Attributes = Readonly<Record<string, string | number | boolean>>

/** The tracer of fibers without one of their own. It keeps nothing. */
let none: Tracer.Tracer | undefined = undefined

const isTraced = (fiber: Holder): boolean =>
  fiber.currentTracer !== (none ??= Effect.runSync(Effect.tracer)) && fiber.getFiberRef(FiberRef.currentTracerEnabled)

/** Returns the nearest span that may be a parent. */
const parentOf = (span: Tracer.AnySpan | undefined): Option.Option<Tracer.AnySpan> => {
  if (span === undefined) return Option.none()
  if (!Context.get(span.context, Tracer.DisablePropagation)) return Option.some(span)
  return span._tag === "Span" ? parentOf(Option.getOrUndefined(span.parent)) : Option.none()
}

const now = (fiber: Holder): bigint =>
  fiber.getFiberRef(FiberRef.currentTracerTimingEnabled)
    ? Context.get(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeNanos()
    : BigInt(0)

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
        span.end(now(fiber), Exit.void)
      }),
    failed: (exit) => guarded(() => span.end(now(fiber), exit))
  }
}

const begin = (fiber: Holder, attributes: Attributes): Tracer.Span => {
  const span = fiber.currentTracer.span(
    "Pool.acquire",
    parentOf(fiber.currentSpan),
    Context.empty(),
    [...fiber.getFiberRef(FiberRef.currentTracerSpanLinks)],
    now(fiber),
    "internal"
  )
  for (const [key, value] of fiber.getFiberRef(FiberRef.currentTracerSpanAnnotations)) span.attribute(key, value)
  for (const [key, value] of Object.entries(attributes)) span.attribute(key, value)
  return span
}

/**
 * Runs an open in a span of its own. The span is a root, because the connection outlives the request it is opened for,
 * and has a link to that request.
 */
export const connect = <A, E, R>(
  open: Effect.Effect<A, E, R>,
  attributes: Attributes,
  cause: Tracer.AnySpan | undefined
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) => {
    if (!isTraced(fiber)) return open
    return Effect.withSpan(open, "Pool.connect", {
      root: true,
      kind: "client",
      links: cause === undefined ? [] : [{ _tag: "SpanLink", span: cause, attributes: {} }],
      attributes,
      captureStackTrace: false
    }) as Effect.Effect<A, E, R>
  })
