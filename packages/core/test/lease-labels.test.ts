import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Tracer } from "effect"
import { setup } from "./setup.js"

type Attributes = Record<string, unknown>

const nested =
  (spans: ReadonlyArray<readonly [name: string, attributes: Attributes]>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    spans.reduceRight(
      (inner, [name, attributes]) => Effect.withSpan(inner, name, { attributes }) as typeof effect,
      effect
    )

const cases: ReadonlyArray<readonly [label: string, spans: Parameters<typeof nested>[0]]> = [
  ["http.server GET /orders/:id", [["http.server GET", { "http.route": "/orders/:id", "url.path": "/orders/7" }]]],
  ["http.server GET /orders/7", [["http.server GET", { "url.path": "/orders/7" }]]],
  ["http.server GET /orders/7", [["http.server GET", { "http.route": "*", "url.path": "/orders/7" }]]],
  ["load", [["load", {}]]],
  ["load", [["load", { "http.route": 7, "url.path": "" }]]],
  ["load /orders/:id", [["http.server GET", { "http.route": "/orders/:id" }], ["checkout", {}], ["load", {}]]],
  ["load Cancel", [["http.server POST", { "url.path": "/rpc" }], ["Orders", { "rpc.method": "Cancel" }], ["load", {}]]],
  [`get /${"x".repeat(199)}`, [["get", { "url.path": `/${"x".repeat(5_000)}` }]]]
]

describe("the label of a lease", () => {
  it.scoped.each(cases)("is %s", ([label, spans]) =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const found = yield* pool.use(() => pool.leases).pipe(nested(spans))
      assert.deepStrictEqual(found.map(({ holder }) => holder.span), [label])
    }))

  it.scoped("has the route that was found after the lease was taken", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const found = yield* pool.use(() =>
        Effect.andThen(Effect.annotateCurrentSpan("http.route", "/orders/:id"), pool.leases)
      ).pipe(Effect.withSpan("http.server GET"))
      assert.strictEqual(found[0]!.holder.span, "http.server GET /orders/:id")
    }))

  it.scoped("ends its search at a span of another process", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const parent = Tracer.externalSpan({ spanId: "1", traceId: "2" })
      const found = yield* pool.use(() => pool.leases).pipe(Effect.withSpan("load", { parent }))
      assert.deepStrictEqual(found.map(({ holder }) => holder.span), ["load"])
    }))
})
