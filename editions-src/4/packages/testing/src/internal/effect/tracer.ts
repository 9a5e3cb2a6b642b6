/** The seam to Effect: a tracer that keeps its spans. */
import * as Tracer from "effect/Tracer"
import type * as Types from "effect/Types"

/** Makes a tracer that adds every span to the list. Ending a span twice throws. */
export const recorderOf = (spans: Array<Tracer.Span>): Tracer.Tracer =>
  Tracer.make({
    span: ({ annotations, kind, links, name, parent, startTime }) => {
      const attributes = new Map<string, unknown>()
      const span: Types.Mutable<Tracer.Span> = {
        _tag: "Span",
        spanId: `${spans.length + 1}`,
        traceId: parent._tag === "Some" ? parent.value.traceId : `${spans.length + 1}`,
        sampled: true,
        name,
        parent,
        annotations,
        links,
        kind,
        attributes,
        status: { _tag: "Started", startTime },
        end: (endTime, exit) => {
          if (span.status._tag === "Ended") throw new Error(`the span ${name} has already ended`)
          span.status = { _tag: "Ended", startTime, endTime, exit }
        },
        attribute: (key, value) => void attributes.set(key, value),
        event: () => {},
        addLinks: (more) => void (span.links = [...span.links, ...more])
      }
      spans.push(span)
      return span
    }
  })
