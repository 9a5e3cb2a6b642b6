/** The seam to Effect: spans that begin and end in the middle of a step. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { type Holder, withFiber } from "./fiber.js"

export type Attributes = Readonly<Record<string, string | number | boolean>>

/** The tracer of fibers to which none was given: it keeps nothing. */
let none: Tracer.Tracer | undefined = undefined

export const isTraced = (fiber: Holder): boolean =>
  fiber.currentTracer !== (none ??= Effect.runSync(Effect.tracer)) && fiber.getFiberRef(FiberRef.currentTracerEnabled)

/** The nearest span that is meant to be a parent. */
const parentOf = (span: Tracer.AnySpan | undefined): Option.Option<Tracer.AnySpan> => {
  if (span === undefined) return Option.none()
  if (!Context.get(span.context, Tracer.DisablePropagation)) return Option.some(span)
  return span._tag === "Span" ? parentOf(Option.getOrUndefined(span.parent)) : Option.none()
}

/** The moment by the fiber's clock, or 0 if it does not time its spans. */
export const spanNow = (fiber: Holder): bigint =>
  fiber.getFiberRef(FiberRef.currentTracerTimingEnabled)
    ? Context.get(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeNanos()
    : BigInt(0)

/** Begins a span as `Effect.useSpan` does, but takes no step. */
export const beginSpan = (fiber: Holder, name: string): Tracer.Span => {
  const span = fiber.currentTracer.span(
    name,
    parentOf(fiber.currentSpan),
    Context.empty(),
    [...fiber.getFiberRef(FiberRef.currentTracerSpanLinks)],
    spanNow(fiber),
    "internal"
  )
  for (const [key, value] of fiber.getFiberRef(FiberRef.currentTracerSpanAnnotations)) span.attribute(key, value)
  return span
}

/** Runs an effect in a root span of kind "client", with a link to its cause. */
export const rootSpan = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  name: string,
  options: { readonly link: Tracer.AnySpan | undefined; readonly attributes: Attributes }
): Effect.Effect<A, E, R> =>
  withFiber((fiber) => {
    if (!isTraced(fiber)) return effect
    return Effect.withSpan(effect, name, {
      root: true,
      kind: "client",
      links: options.link === undefined ? [] : [{ _tag: "SpanLink", span: options.link, attributes: {} }],
      attributes: options.attributes,
      captureStackTrace: false
    }) as Effect.Effect<A, E, R>
  })
