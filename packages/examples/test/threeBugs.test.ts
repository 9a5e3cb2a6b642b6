import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ours, plain, threeBugs } from "../src/threeBugs.js"

describe("three bugs", () => {
  it.scopedLive("happen with plain pooling", () =>
    Effect.gen(function*() {
      const { deadSocket, hang, wrongReply } = yield* threeBugs(plain, 3)
      assert.strictEqual(wrongReply, "reads \"Alice has 100\"")
      assert.match(deadSocket, /^fails: .*ConnectionError/)
      assert.strictEqual(hang, "still hangs after 3 seconds")
    }))

  it.scopedLive("do not happen with socketpool", () =>
    Effect.gen(function*() {
      const { deadSocket, hang, wrongReply } = yield* threeBugs(ours, 60)
      assert.strictEqual(wrongReply, "reads \"Bob has 100\"")
      assert.strictEqual(deadSocket, "reads \"after\"")
      assert.match(hang, /^fails: TimeoutException/)
    }))
})
