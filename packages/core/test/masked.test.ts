// Where a frame of the pool's own cannot be trusted, `use` has Effect's public interface alone: the same proofs for that.
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { vi } from "vitest"
import type * as Guard from "../src/internal/guard.js"
import { guarded, inMask } from "../src/internal/guard.js"

vi.mock("../src/internal/guard.js", async (original) => {
  const guard = await original<typeof Guard>()
  return { ...guard, guarded: guard.inMask }
})

describe("by the public interface", async () => {
  it.effect("is how everything is guarded here", () =>
    Effect.sync(() => {
      expect(guarded).toBe(inMask)
    }))

  await import("./interruption.test.js")
  await import("./pairs.test.js")
  await import("./gates.test.js")
  await import("./connection.test.js")
  await import("./deadlines.test.js")
})
