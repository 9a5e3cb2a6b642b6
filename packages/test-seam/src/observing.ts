/** The logs, spans and metrics of a program. */
import type { Exit } from "effect"
import { Effect, FiberRef, HashMap, Layer, Logger, LogLevel, Metric, Tracer } from "effect"

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

const levels = { info: LogLevel.Info, warning: LogLevel.Warning }

const loggerOf = (write: (entry: LogEntry) => void, least: LogLevel.LogLevel) =>
  Logger.make<unknown, void>((entry) => {
    if (LogLevel.lessThan(entry.logLevel, least)) return
    write({
      level: entry.logLevel.label,
      message: entry.message,
      cause: entry.cause,
      annotations: Object.fromEntries(HashMap.toEntries(entry.annotations)),
      text: () => Logger.stringLogger.log(entry),
      written: () => [Logger.logfmtLogger.log(entry), Logger.jsonLogger.log(entry)]
    })
  })

/** Adds a logger for what is logged at this level or above it. */
export const addLogger = (least: "info" | "warning", write: (entry: LogEntry) => void): Layer.Layer<never> =>
  Logger.add(loggerOf(write, levels[least]))

/** Replaces the default logger, and logs at every level. */
export const onlyLogger = (write: (entry: LogEntry) => void): Layer.Layer<never> =>
  Layer.merge(
    Logger.replace(Logger.defaultLogger, loggerOf(write, LogLevel.All)),
    Logger.minimumLogLevel(LogLevel.All)
  )

/** Logs nothing. */
export const unlogged: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = Logger.withMinimumLogLevel(
  LogLevel.None
)

export const logAnnotations: Effect.Effect<Readonly<Record<string, unknown>>> = Effect.map(
  FiberRef.get(FiberRef.currentLogAnnotations),
  (annotations) => Object.fromEntries(HashMap.toEntries(annotations))
)

/** The names of the spans of `Effect.withLogSpan`. */
export const logSpans: Effect.Effect<ReadonlyArray<string>> = Effect.map(
  FiberRef.get(FiberRef.currentLogSpan),
  (spans) => Array.from(spans, ({ label }) => label)
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
    context: (run) => run(),
    span: (name, parent, context, links, startTime, kind) => {
      hooks.begin?.(name)
      const attributes = new Map<string, unknown>()
      return {
        _tag: "Span",
        name,
        spanId: name,
        traceId: "trace",
        parent,
        context,
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
  Metric.unsafeSnapshot().map(({ metricKey, metricState }) => ({
    name: metricKey.name,
    tags: Object.fromEntries(metricKey.tags.map(({ key, value }) => [key, value])),
    count: (metricState as unknown as { readonly count: number }).count
  }))

export const tagMetrics = (
  tags: Readonly<Record<string, string>>
): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> => Effect.tagMetrics(tags)
