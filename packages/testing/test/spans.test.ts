import { fork, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import { Spans } from "@socketpool/testing"
import { Effect, Exit, Fiber, Option } from "effect"

describe("Spans", () => {
  it.effect("keep the spans of an effect and of the fibers it forks, in the order of their beginnings", () =>
    Effect.gen(function*() {
      const inner = Effect.withSpan(Effect.sleep("2 seconds"), "inner", { attributes: { size: 3 } })
      const outer = Effect.withSpan(Effect.flatMap(fork(inner), Fiber.await), "outer")
      const running = yield* fork(Spans.during(outer))
      yield* TestClock.adjust("2 seconds")
      const [first, second, ...others] = yield* Fiber.join(running)
      assert.deepStrictEqual([first!.name, second!.name, others.length], ["outer", "inner", 0])
      assert.deepStrictEqual(Option.getOrThrow(second!.parent), first)
      assert.strictEqual(second!.traceId, first!.traceId)
      assert.strictEqual(second!.attributes.get("size"), 3)
      assert(second!.status._tag === "Ended")
      assert.strictEqual(second!.status.endTime - second!.status.startTime, 2_000_000_000n)
    }))

  it("throw when one ends twice", () => {
    const { spans, tracer } = Spans.recorder()
    Effect.runSync(Effect.withTracer(Effect.withSpan(Effect.void, "once"), tracer))
    assert.throws(() => spans[0]!.end(0n, Exit.void), "the span once has already ended")
  })
})
