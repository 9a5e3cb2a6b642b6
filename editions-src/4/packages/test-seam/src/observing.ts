/** The logs, spans and metrics of a program. */
import type { Exit } from "effect"
import { Context, Effect, Layer, Logger, LogLevel, Metric, References, Tracer } from "effect"

// --- Logs -----------------------------------------------------------------------------------------------------------

export interface LogEntry {
  readonly level: string
  readonly message: unknown
  readonly cause: unknown
  readonly annotations: Readonly<Record<string, unknown>>
  /** The entry as Effect's plain logger writes it. */
  readonly text: () => string
  /** The entry as each of Effect's loggers writes it. */
  readonly written: () => ReadonlyArray<string>
}

const levels = { info: "Info", warning: "Warn" } as const

const loggerOf = (write: (entry: LogEntry) => void, least: LogLevel.LogLevel) =>
  Logger.make<unknown, void>((entry) => {
    if (LogLevel.isLessThan(entry.logLevel, least)) return
    write({
      level: entry.logLevel.toUpperCase(),
      message: entry.message,
      cause: entry.cause,
      annotations: entry.fiber.getRef(References.CurrentLogAnnotations),
      text: () => Logger.formatSimple.log(entry),
      written: () => [Logger.formatLogFmt.log(entry), Logger.formatJson.log(entry)]
    })
  })

/** Adds a logger for what is logged at this level or above it. */
export const addLogger = (least: "info" | "warning", write: (entry: LogEntry) => void): Layer.Layer<never> =>
  Logger.layer([loggerOf(write, levels[least])], { mergeWithExisting: true })

/** Replaces the default logger, and logs at every level. */
export const onlyLogger = (write: (entry: LogEntry) => void): Layer.Layer<never> =>
  Layer.merge(Logger.layer([loggerOf(write, "All")]), Layer.succeed(References.MinimumLogLevel, "All"))

/** Logs nothing. */
export const unlogged = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, References.MinimumLogLevel, "None")

export const logAnnotations: Effect.Effect<Readonly<Record<string, unknown>>> = Effect.withFiber((fiber) =>
  Effect.succeed(fiber.getRef(References.CurrentLogAnnotations))
)

/** The names of the spans of `Effect.withLogSpan`. */
export const logSpans: Effect.Effect<ReadonlyArray<string>> = Effect.withFiber((fiber) =>
  Effect.succeed(fiber.getRef(References.CurrentLogSpans).map(([label]) => label))
)

// --- Spans ----------------------------------------------------------------------------------------------------------

export interface SpanHooks {
  readonly begin?: (name: string) => void
  readonly attribute?: (key: string, value: unknown) => void
  readonly event?: (name: string, attributes: unknown) => void
  readonly end?: (exit: Exit.Exit<unknown, unknown>, attributes: ReadonlyMap<string, unknown>) => void
}

/** A tracer that tells of what becomes of its spans. */
export const toldTracer = (hooks: SpanHooks): Tracer.Tracer =>
  Tracer.make({
    span: ({ annotations, kind, links, name, parent, startTime }) => {
      hooks.begin?.(name)
      const attributes = new Map<string, unknown>()
      return {
        _tag: "Span",
        name,
        spanId: name,
        traceId: "trace",
        parent,
        annotations,
        status: { _tag: "Started", startTime },
        attributes,
        links,
        sampled: true,
        kind,
        end: (_time, exit) => hooks.end?.(exit, attributes),
        attribute: (key, value) => {
          hooks.attribute?.(key, value)
          attributes.set(key, value)
        },
        event: (event, _time, values) => hooks.event?.(event, values),
        addLinks: () => {}
      }
    }
  })

// --- Metrics --------------------------------------------------------------------------------------------------------

export interface Figure {
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  /** The value of a counter; how many values a histogram has. */
  readonly count: number
}

/** Every metric of the process. */
export const metricFigures = (): ReadonlyArray<Figure> =>
  Metric.snapshotUnsafe(Context.empty()).map(({ attributes, id, state }) => ({
    name: id,
    tags: { ...attributes },
    count: (state as unknown as { readonly count: number }).count
  }))

export const tagMetrics =
  (tags: Readonly<Record<string, string>>) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) =>
      Effect.provideService(effect, Metric.CurrentMetricAttributes, {
        ...fiber.getRef(Metric.CurrentMetricAttributes),
        ...tags
      })
    )
