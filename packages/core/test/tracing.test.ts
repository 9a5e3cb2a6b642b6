import { Pool } from "@socketpool/core"
import { firstError, isOnlyInterrupted, TestClock, toldTracer, yieldNow } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector, Spans } from "@socketpool/testing"
import type { Tracer } from "effect"
import { Effect, Exit, Fiber, Option } from "effect"
import { forkSettled, id, settled, setup, warmUp } from "./setup.js"

const named = (spans: ReadonlyArray<Tracer.Span>, name: string) => spans.filter((span) => span.name === name)

const parentName = (span: Tracer.Span) =>
  Option.getOrNull(Option.map(span.parent, (parent) => parent._tag === "Span" ? parent.name : "external"))

const linked = (span: Tracer.Span) => span.links.map(({ span }) => span._tag === "Span" ? span.name : "external")

/** The end of a span. */
const ending = (span: Tracer.Span): Exit.Exit<unknown, unknown> => {
  assert(span.status._tag === "Ended", `${span.name} has not ended`)
  return span.status.exit
}

const lasted = (span: Tracer.Span) => {
  assert(span.status._tag === "Ended", `${span.name} has not ended`)
  return Number(span.status.endTime - span.status.startTime) / 1e6
}

/** A pool that is made where a tracer is set, with what the tracer has kept. */
const traced = (...[options, script]: Parameters<typeof setup>) => {
  const { spans, tracer } = Spans.recorder()
  return Effect.map(Effect.withTracer(setup(options, script), tracer), ({ connector, pool }) => ({
    connector,
    pool,
    spans,
    /** As a request of that name, seen by the same tracer. */
    request: <A, E, R>(name: string, effect: Effect.Effect<A, E, R>) =>
      Effect.withTracer(Effect.withSpan(effect, name), tracer)
  }))
}

describe("the span Pool.acquire", () => {
  it.scoped("is not there when a connection is at hand", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      yield* warmUp(pool, 1)
      const spans = yield* Spans.during(Effect.withSpan(
        Effect.all([pool.use(id), Effect.scoped(pool.get), Effect.flatMap(pool.acquire, pool.release.bind(pool))]),
        "request"
      ))
      assert.deepStrictEqual(spans.map(({ name }) => name), ["request"])
    }))

  it.scoped("is not there without a tracer, or where tracing is switched off", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const spans = yield* Spans.during(Effect.withTracerEnabled(Effect.withSpan(pool.use(id), "request"), false))
      assert.deepStrictEqual(spans, [])
      assert.strictEqual(yield* pool.use(id), 1)
    }))

  it.scoped("lasts for as long as the borrower waits, and is a child of its request", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup(
        { maxConnections: 1, name: "orders", attributes: { "server.address": "db" } }
      )
      yield* warmUp(pool, 1)
      const holder = yield* forkSettled(pool.use(() => Effect.sleep("3 seconds")))
      const waiter = yield* forkSettled(
        Spans.during(Effect.withSpan(pool.use(() => Effect.sleep("5 seconds")), "request"))
      )
      yield* TestClock.adjust("3 seconds")
      yield* TestClock.adjust("5 seconds")
      const spans = yield* Fiber.join(waiter)
      yield* Fiber.join(holder)
      const [acquire] = named(spans, "Pool.acquire")
      assert(acquire !== undefined)
      assert.strictEqual(parentName(acquire), "request")
      assert.strictEqual(lasted(acquire), 3_000)
      assert.isTrue(Exit.isSuccess(ending(acquire)))
      assert.deepStrictEqual(Object.fromEntries(acquire.attributes), {
        "db.client.connection.pool.name": "orders",
        "server.address": "db",
        "socketpool.connection.id": 1
      })
    }))

  for (const way of ["use", "get", "acquire", "acquireWith", "reconnect"] as const) {
    it.scoped(`is there for ${way} when a connection has to be opened`, () =>
      Effect.gen(function*() {
        const { pool } = yield* setup()
        const verbs = {
          use: pool.use(id),
          get: Effect.scoped(pool.get),
          acquire: Effect.flatMap(pool.acquire, (connection) => pool.release(connection)),
          acquireWith: Effect.flatMap(
            pool.acquireWith({ timeout: "1 second" }),
            (connection) => pool.release(connection)
          ),
          reconnect: pool.use((connection) => Effect.withTracerEnabled(pool.reconnect(connection), true))
        }
        const spans = yield* Spans.during(
          way === "reconnect" ? Effect.withTracerEnabled(verbs[way], false) : verbs[way]
        )
        assert.deepStrictEqual(spans.map((span) => [span.name, parentName(span), Exit.isSuccess(ending(span))]), [
          ["Pool.acquire", null, true]
        ])
      }))
  }

  it.scoped("ends with the failure of who waits in vain", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, acquireTimeout: "1 second" })
      const holder = yield* forkSettled(pool.use(() => Effect.never))
      const waiter = yield* forkSettled(Spans.during(Effect.exit(pool.use(id))))
      yield* TestClock.adjust("2 seconds")
      const [acquire] = yield* Fiber.join(waiter)
      const exit = ending(acquire!)
      assert(Exit.isFailure(exit))
      assert.propertyVal(Option.getOrThrow(firstError(exit.cause)), "_tag", "PoolExhaustedError")
      yield* Fiber.interrupt(holder)
    }))

  it.scoped("ends when its borrower is interrupted", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const { spans, tracer } = Spans.recorder()
      const holder = yield* forkSettled(pool.use(() => Effect.never))
      const waiter = yield* forkSettled(Effect.withTracer(pool.use(id), tracer))
      yield* Fiber.interrupt(waiter)
      const exit = ending(spans[0]!)
      assert(Exit.isFailure(exit))
      assert.isTrue(isOnlyInterrupted(exit.cause))
      yield* Fiber.interrupt(holder)
    }))

  it.scoped("is one for a borrower whose connection was lost between the hand-off and its next step", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1 })
      const lent = yield* pool.acquire
      const waiter = yield* forkSettled(Spans.during(pool.use(id)))
      yield* Effect.andThen(pool.release(lent), pool.drop(lent))
      yield* settled
      const spans = yield* Fiber.join(waiter)
      assert.deepStrictEqual(spans.map((span) => span.attributes.get("socketpool.connection.id")), [2])
      assert.strictEqual(connector.opened, 2)
    }))

  it.scoped("takes the annotations and links of its fiber", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const [request, acquire] = yield* Spans.during(
        pool.use(id).pipe(
          Effect.annotateSpans("tenant", "acme"),
          (use) => Effect.flatMap(Effect.makeSpan("other"), (other) => Effect.linkSpans(use, other))
        )
      )
      assert.strictEqual(acquire!.attributes.get("tenant"), "acme")
      assert.deepStrictEqual(linked(acquire!), [request!.name])
    }))
})

describe("a tracer that dies", () => {
  for (const when of ["when a span begins", "when one is described", "when one ends"] as const) {
    it.scoped(`${when} takes no lease with it`, () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1, acquireTimeout: "1 second" })
        const die = (): never => {
          throw new Error("the tracer is broken")
        }
        const tracer = toldTracer({
          [{ "when a span begins": "begin", "when one is described": "attribute", "when one ends": "end" }[when]]: die
        })
        const borrower = Effect.withTracer(Effect.exit(pool.use(() => Effect.sleep("800 millis"))), tracer)
        const borrowers = yield* Effect.forEach([1, 2, 3], () => forkSettled(borrower))
        yield* TestClock.adjust("2 seconds")
        const exits = yield* Fiber.joinAll(borrowers)
        assert.deepStrictEqual(exits.map((exit) => Exit.isSuccess(exit)), [true, true, false])
        const interrupted = yield* forkSettled(borrower)
        const late = yield* forkSettled(borrower)
        yield* Fiber.interrupt(late)
        yield* Fiber.interrupt(interrupted)
        assert.deepInclude(yield* pool.stats, { leased: 0, pending: 0, timedOut: 1, cancelled: 1 })
      }))
  }
})

describe("the span Pool.connect", () => {
  it.scoped("is a root, with a link to the request that caused it", () =>
    Effect.gen(function*() {
      const { pool, request, spans } = yield* traced({ name: "orders", attributes: { "server.port": 5432 } }, {
        open: () => ({ slow: "2 seconds" })
      })
      const borrower = yield* forkSettled(request("GET /orders", pool.use(id)))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(borrower)
      const [connect] = named(spans, "Pool.connect")
      assert(connect !== undefined)
      assert.strictEqual(parentName(connect), null)
      assert.deepStrictEqual(linked(connect), ["GET /orders"])
      assert.strictEqual(lasted(connect), 2_000)
      assert.strictEqual(connect.kind, "client")
      assert.deepStrictEqual(Object.fromEntries(connect.attributes), {
        "db.client.connection.pool.name": "orders",
        "server.port": 5432,
        "socketpool.connection.id": 1
      })
    }))

  it.scoped("is linked to the request that it is for, when several wait", () =>
    Effect.gen(function*() {
      const { pool, request, spans } = yield* traced({ maxConnecting: 2 }, { open: () => ({ slow: "1 second" }) })
      const borrowers = yield* Effect.forEach(
        ["a", "b", "c"],
        (name) => forkSettled(request(name, pool.use(() => Effect.never)))
      )
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(named(spans, "Pool.connect").map(linked), [["a"], ["b"], ["c"]])
      yield* Fiber.interruptAll(borrowers)
    }))

  it.scoped("is linked to requests in the order of their arrival, whether they share or not", () =>
    Effect.gen(function*() {
      const { pool, request, spans } = yield* traced({ maxConnecting: 1, concurrency: 2 }, {
        open: () => ({ slow: "1 second" })
      })
      const hold = () => Effect.never
      const borrowers = [
        yield* forkSettled(request("x", pool.useExclusive(hold))),
        yield* forkSettled(request("a", pool.use(hold))),
        yield* forkSettled(request("y", pool.useExclusive(hold)))
      ]
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(named(spans, "Pool.connect").map(linked), [["x"], ["a"], ["y"]])
      yield* Fiber.interruptAll(borrowers)
    }))

  it.scoped("has no link when nobody asked", () =>
    Effect.gen(function*() {
      const { spans } = yield* traced({ minConnections: 2 })
      yield* settled
      assert.deepStrictEqual(spans.map((span) => [span.name, parentName(span), linked(span)]), [
        ["Pool.connect", null, []],
        ["Pool.connect", null, []]
      ])
    }))

  it.scoped("is the parent of what opening does, and of no query", () =>
    Effect.gen(function*() {
      const { spans, tracer } = Spans.recorder()
      const open = Effect.acquireRelease(
        Effect.withSpan(Effect.succeed({}), "handshake"),
        () => Effect.withSpan(Effect.void, "goodbye")
      )
      const use = Effect.scoped(
        Effect.flatMap(Pool.make({ open }), (pool) => pool.use(() => Effect.withSpan(Effect.void, "query")))
      )
      yield* Effect.withTracer(Effect.withSpan(use, "request"), tracer)
      assert.deepStrictEqual(
        spans.map((span) => [span.name, parentName(span)]).sort(),
        [
          ["Pool.acquire", "request"],
          ["Pool.connect", null],
          ["goodbye", "Pool.connect"],
          ["handshake", "Pool.connect"],
          ["query", "request"],
          ["request", null]
        ]
      )
    }))

  it.scoped("ends with the failure of the open", () =>
    Effect.gen(function*() {
      const { pool, spans } = yield* traced({}, { open: () => "fail" })
      yield* Effect.exit(pool.use(id))
      const exit = ending(named(spans, "Pool.connect")[0]!)
      assert(Exit.isFailure(exit))
      assert.instanceOf(Option.getOrThrow(firstError(exit.cause)), ScriptedConnector.ScriptedOpenError)
    }))

  it.scoped("ends when the open takes too long", () =>
    Effect.gen(function*() {
      const { pool, spans } = yield* traced({ connectTimeout: "1 second" }, { open: () => "never" })
      const borrower = yield* forkSettled(Effect.exit(pool.use(id)))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(borrower)
      assert.isAtLeast(lasted(named(spans, "Pool.connect")[0]!), 1_000)
    }))
})

// K1
describe("the spans Pool.validate and Pool.release", () => {
  const hooks = {
    validate: () => Effect.withSpan(Effect.succeed(true), "ping"),
    validateAfterIdle: 0,
    onRelease: () => Effect.withSpan(Effect.as(yieldNow, "keep" as const), "reset")
  }

  it.scoped("are roots, with links to the requests that caused them, and not children of the pool's maker", () =>
    Effect.gen(function*() {
      const { spans, tracer } = Spans.recorder()
      const startup = setup({ ...hooks, maxConnections: 1 })
      const { pool } = yield* Effect.withTracer(Effect.withSpan(startup, "startup"), tracer)
      const request = (name: string) => Effect.withTracer(Effect.withSpan(pool.use(() => Effect.void), name), tracer)
      yield* request("first")
      yield* TestClock.adjust("2 seconds")
      yield* request("second")
      yield* settled
      const seen = (name: string) => named(spans, name).map((span) => [parentName(span), ...linked(span)])
      assert.deepStrictEqual(seen("Pool.validate"), [[null, "second"]])
      assert.deepStrictEqual(seen("Pool.release"), [[null, "first"], [null, "second"]])
      assert.deepStrictEqual(seen("ping"), [["Pool.validate"]])
      assert.deepStrictEqual(seen("reset"), [["Pool.release"], ["Pool.release"]])
      assert.deepStrictEqual(named(spans, "Pool.validate")[0]!.attributes.get("socketpool.connection.id"), 1)
    }))

  it.scoped("are not there without a tracer: the hooks' own spans are roots", () =>
    Effect.gen(function*() {
      const parents: Array<Option.Option<Tracer.AnySpan>> = []
      const parent = Effect.map(Effect.option(Effect.currentParentSpan), (span) => void parents.push(span))
      const make = setup({ ...hooks, validate: () => Effect.as(parent, true) })
      const { pool } = yield* Effect.withSpan(make, "startup")
      yield* pool.use(() => Effect.void)
      yield* TestClock.adjust("2 seconds")
      yield* pool.use(() => Effect.void)
      yield* settled
      assert.deepStrictEqual(parents, [Option.none()])
    }))
})
