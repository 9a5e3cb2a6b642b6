// A crowd that gives up: no connection is lost, and nobody gets another's answer.
import { MsgpackRpc } from "@socketpool/msgpack-rpc"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect } from "effect"
import { closedBy } from "../../node/test/fixtures/server.js"
import { serve } from "./fixtures/server.js"
import { storm } from "./fixtures/storm.js"

const calls = 20_000

describe("10,000 interrupted calls over 4 connections", () => {
  it.scopedLive("close none, and leave everybody else the right answer", () =>
    Effect.gen(function*() {
      let answered = 0
      const server = yield* serve((message, peer) => {
        // A third of the answers come later than those to later calls.
        const answer = () => peer.send([1, message[1], null, message[3][0]])
        if (++answered % 3 === 0) setImmediate(() => setImmediate(answer))
        else answer()
      })
      const rpc = yield* MsgpackRpc.make({ host: "127.0.0.1", port: server.port, maxConnections: 4, maxAbandoned: 64 })
      const { failed, foreign, interrupted, right } = yield* storm(rpc, calls)
      expect([foreign, failed]).toEqual([0, 0])
      expect(right + interrupted).toBe(calls)
      expect(interrupted).toBeGreaterThan(calls / 4)
      expect((yield* rpc.pool.stats).opened).toBeLessThanOrEqual(4)
      expect(yield* closedBy(rpc)).toBe(0)
      // Many had been sent, so that their answers had to be told from the others'.
      expect((yield* rpc.stats).abandoned).toBeGreaterThan(100)
    }))
})
