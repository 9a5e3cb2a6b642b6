// The instruction with which a fiber waits: used only if the fiber heeds it.
import { async } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Effect } from "effect"
import { isAsGood, type Park, parked } from "../src/internal/effect/parking.js"

describe("a wait", () => {
  it("is the fiber's own instruction with this version of Effect", () => {
    expect(isAsGood(parked)).toBe(true)
    expect(String((parked(() => {}) as unknown as { readonly _op: string })._op)).toBe("Async")
  })

  it.each<[string, <A, E>(park: Park<A, E>) => Effect.Effect<A, E>]>([
    ["that does not resume", () => Effect.never],
    ["that resumes with something else", <A, E>() => Effect.succeed(4 as A) as Effect.Effect<A, E>],
    [
      "that cannot be interrupted",
      <A, E>(park: Park<A, E>) => Effect.uninterruptible(async<A, E>((resume) => park(resume)))
    ],
    [
      "that swallows failures",
      <A, E>(park: Park<A, E>) =>
        Effect.matchCauseEffect(async<A, E>((resume) => park(resume)), {
          onFailure: () => Effect.never,
          onSuccess: Effect.succeed<A>
        })
    ],
    ["that is no effect", () => ({ _op: "Async" }) as unknown as Effect.Effect<never>]
  ])("%s is not trusted", (_, park) => {
    expect(isAsGood(park)).toBe(false)
  })
})
