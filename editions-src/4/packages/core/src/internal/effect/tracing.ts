/** The seam to Effect: spans that begin and end in the middle of a step. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { type Holder, withFiber } from "./fiber.js"

export type Attributes = Readonly<Record<string, string | number | boolean>>

/** A fiber to which no tracer was given has none in its cache. */
export const isTraced = (fiber: Holder): boolean => fiber.cache.tracer !== undefined && fiber.cache.tracerEnabled

/** The nearest span that is meant to be a parent. */
const parentOf = (span: Tracer.AnySpan | undefined): Option.Option<Tracer.AnySpan> => {
  if (span === undefined) return Option.none()
  if (!Context.get(span.annotations, Tracer.DisablePropagation)) return Option.some(span)
  return span._tag === "Span" ? parentOf(Option.getOrUndefined(span.parent)) : Option.none()
}

/** The moment by the fiber's clock, or 0 if it does not time its spans. */
export const spanNow = (fiber: Holder): bigint =>
  fiber.getRef(References.TracerTimingEnabled) ? fiber.getRef(Clock.Clock).currentTimeNanosUnsafe() : BigInt(0)

/** Begins a span as `Effect.useSpan` does, but takes no step. */
export const beginSpan = (fiber: Holder, name: string): Tracer.Span => {
  const parent = parentOf(fiber.cache.span)
  const span = fiber.cache.tracer!.span({
    name,
    parent,
    annotations: Context.empty(),
    links: [...fiber.getRef(References.TracerSpanLinks)],
    startTime: spanNow(fiber),
    kind: "internal",
    root: Option.isNone(parent),
    sampled: Option.isNone(parent) || parent.value.sampled
  })
  for (const [key, value] of Object.entries(fiber.getRef(References.TracerSpanAnnotations))) span.attribute(key, value)
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
      links: options.link === undefined ? [] : [{ span: options.link, attributes: {} }],
      attributes: options.attributes,
      captureStackTrace: false
    }) as Effect.Effect<A, E, R>
  })
