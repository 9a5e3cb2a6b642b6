/**
 * A tracer that keeps its spans, so that a test can check them.
 *
 * @since 3.0.0
 */
import * as Effect from "effect/Effect"
import type * as Tracer from "effect/Tracer"
import { recorderOf } from "./internal/effect/tracer.js"

/**
 * A tracer and its spans so far, in the order in which they began.
 *
 * @since 3.0.0
 * @category models
 */
export interface Recorder {
  readonly tracer: Tracer.Tracer
  readonly spans: ReadonlyArray<Tracer.Span>
}

/**
 * Makes a tracer that keeps every span. Ending a span twice throws.
 *
 * Use it to see the spans of a pool: make the pool under this tracer. For the spans of a single effect, use `during`.
 *
 * @example
 * ```ts
 * import { Pool } from "@socketpool/core"
 * import { ScriptedConnector, Spans } from "@socketpool/testing"
 * import { Effect } from "effect"
 *
 * const { spans, tracer } = Spans.recorder()
 * const borrow = Effect.scoped(Effect.gen(function*() {
 *   const pool = yield* Pool.make({ open: ScriptedConnector.make().open })
 *   yield* pool.use(() => Effect.void)
 *   return spans.map((span) => span.name)
 * }))
 *
 * Effect.runPromise(Effect.withTracer(borrow, tracer))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const recorder = (): Recorder => {
  const spans: Array<Tracer.Span> = []
  return { spans, tracer: recorderOf(spans) }
}

/**
 * Runs an effect and returns the spans that begin meanwhile, in its fiber and in the fibers it forks. Fails as the
 * effect does.
 *
 * It does not see the opens and closes of a pool: they belong to the tracer under which the pool was made.
 *
 * @example
 * ```ts
 * import { Spans } from "@socketpool/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const spans = yield* Spans.during(Effect.withSpan(Effect.void, "request"))
 *   return spans.map((span) => span.name) // ["request"]
 * })
 *
 * Effect.runPromise(program)
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const during = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<ReadonlyArray<Tracer.Span>, E, R> =>
  Effect.suspend(() => {
    const { spans, tracer } = recorder()
    return Effect.as(Effect.withTracer(effect, tracer), spans)
  })
