// A race that is interrupted at its very start ends, in whatever order its fibers run.
import { fork, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Simulation } from "@socketpool/testing"
import { Duration, Effect, Exit, Fiber } from "effect"
import { firstOf } from "../src/internal/effect/fiber.js"

const slow = Effect.as(Effect.sleep(Duration.millis(5)), "slow")
const fast = Effect.as(Effect.sleep(Duration.millis(2)), "fast")

describe("the first of two", () => {
  it.effect.each(
    [
      ["succeeds", fast, slow, Exit.succeed("fast")],
      ["succeeds as the other", slow, fast, Exit.succeed("fast")],
      ["fails", Effect.andThen(fast, Effect.fail("no")), slow, Exit.fail("no")],
      ["dies as the other", Effect.never, Effect.andThen(fast, Effect.die("broken")), Exit.die("broken")]
    ] as const
  )("%s", ([, one, other, exit]) =>
    Effect.gen(function*() {
      expect(
        Simulation.simulate(1, Effect.exit(firstOf<unknown, unknown, never, unknown, unknown, never>(one, other)))
          .exit
      ).toStrictEqual(Exit.succeed(exit))
    }))

  it("interrupts the other before it ends", () => {
    const ended: Array<string> = []
    const late = Effect.onInterrupt(slow, () => Effect.sync(() => void ended.push("interrupted")))
    const program = Effect.map(firstOf(fast, late), (value) => void ended.push(value))
    Simulation.simulate(1, program)
    expect(ended).toStrictEqual(["interrupted", "fast"])
  })

  it("ends after an interrupt at any moment", () => {
    const stuck = Array.from({ length: 600 }, (_, seed) => seed).filter((seed) => {
      let open = 0
      const held = Effect.acquireUseRelease(
        Effect.sync(() => void open++),
        () => Effect.never,
        () => Effect.sync(() => void open--)
      )
      const program = Effect.gen(function*() {
        const fiber = yield* fork(firstOf(held, held))
        for (let turn = 0; turn < seed % 12; turn++) yield* yieldNow
        yield* Fiber.interrupt(fiber)
      })
      const { end } = Simulation.simulate(seed, program, { yieldProbability: 0.3 })
      return end !== "Done" || open !== 0
    })
    expect(stuck).toStrictEqual([])
  })
})
