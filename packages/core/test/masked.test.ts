// `use` has Effect's public interface alone where a frame of its own cannot be trusted: the same proofs for that.
import { isInterruptible } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Effect } from "effect"
import { vi } from "vitest"
import type * as Guard from "../src/internal/interruption.js"
import { guarded } from "../src/internal/interruption.js"
import { isLong } from "./search.js"

vi.mock("../src/internal/interruption.js", async (original) => {
  const guard = await original<typeof Guard>()
  const masked: typeof Guard.guarded = (body, x, y, z) => guard.inMask((fiber, by) => body(fiber, by, x, y, z))
  return { ...guard, guarded: masked }
})

describe("by the public interface", async () => {
  it.effect("is how everything is guarded here", () =>
    Effect.gen(function*() {
      const isOpen = guarded(
        () => isInterruptible,
        undefined,
        undefined,
        undefined
      )
      expect(yield* Effect.interruptible(isOpen)).toBe(false)
    }))

  await import("./interruption.test.js")
  await import("./gates.test.js")
  await import("./connection/reading.test.js")
  await import("./connection/writing.test.js")
  if (!isLong) return
  await import("./pairs.test.js")
  await import("./connection/pool.test.js")
  await import("./connection/handshake.test.js")
  await import("./deadlines.test.js")
  await import("./protocol/client.test.js")
})
