import { assert, describe, it } from "@effect/vitest"
import { PoolExhaustedError } from "@socketpool/core"
import { Meter } from "../src/demo/meter.js"
import { type Findings, problems, rows } from "../src/demo/report.js"
import { emptyStats } from "./fixtures.js"

const exhausted = (["NoWait", "QueueFull", "SelfDeadlock", "Timeout"] as const).map((reason) =>
  new PoolExhaustedError({
    pool: "tiny",
    reason,
    waitedMillis: 0,
    heldByCaller: 0,
    stats: emptyStats,
    longestHolders: []
  })
)

/** Ten requests, of which eight were served, one broke and one was turned away. */
const good = (): Findings => {
  const meter = new Meter()
  for (let i = 0; i < 9; i++) {
    meter.leased(10)
    meter.released()
  }
  meter.served = 8
  meter.failedInUse = 1
  meter.fail({ _tag: "ConnectionError", reason: "Reset" })
  meter.fail({ _tag: "PoolExhaustedError", reason: "Timeout" })
  return {
    meter,
    millis: 2000,
    stats: {
      ...emptyStats,
      opened: 3,
      closed: { ...emptyStats.closed, Disconnected: 1, PoolClosed: 2 },
      acquired: 10,
      exhausted: 1
    },
    otherLeases: 1,
    ended: true,
    exhausted,
    server: { peak: 3, left: 0, outage: { lost: 1, downMillis: 1000, healedMillis: 5 } }
  }
}

const changed = (change: (findings: Findings) => Partial<Findings>): ReadonlyArray<string> => {
  const findings = good()
  return problems({ ...findings, ...change(findings) })
}

describe("the summary", () => {
  it("shows what was counted", () => {
    assert.deepStrictEqual(rows(good()).map(({ label, value }) => `${label}: ${value}`), [
      "served: 8",
      "throughput: 4 per second",
      "failed: 2",
      "  ConnectionError Reset: 1",
      "  PoolExhaustedError Timeout: 1",
      "opened: 3",
      "closed: 3",
      "  Disconnected: 1",
      "  PoolClosed: 2",
      "peak in use: 1 of 8",
      "peak at the server: 3",
      "wait p50 / p99 / max: 10 / 10 / 10 ms",
      "wrong replies: 0"
    ])
  })
})

describe("the verdict", () => {
  it("finds nothing wrong when all adds up", () => {
    assert.deepStrictEqual(problems(good()), [])
  })

  it("does not ask a server of the user's own for a restart", () => {
    assert.deepStrictEqual(changed(() => ({ server: undefined })), [])
  })

  it("finds a wrong reply", () => {
    const found = changed(({ meter }) => {
      meter.served--
      meter.wrong++
      return {}
    })
    assert.deepStrictEqual(found, ["1 reply was somebody else's"])
  })

  it("finds a pool that did not recover", () => {
    assert.deepStrictEqual(changed(({ server }) => ({ server: { ...server!, outage: undefined } })), [
      "no reply came after the restart"
    ])
  })

  it("finds a connection that was not closed", () => {
    const found = changed(({ server, stats }) => ({
      stats: { ...stats, opened: 4 },
      server: { ...server!, left: 1 }
    }))
    assert.deepStrictEqual(found, ["4 connections were opened, 3 closed", "the server still has 1 connection"])
  })

  it("finds a lease that one side did not count", () => {
    assert.deepStrictEqual(changed(({ stats }) => ({ stats: { ...stats, acquired: 11 } })), [
      "the pool counts 11 leases, the fibers had 10"
    ])
  })

  it("finds a request that came to nothing, without an error", () => {
    const found = changed(({ meter }) => {
      meter.served--
      return {}
    })
    assert.deepStrictEqual(found, ["leases and what came of them differ"])
  })

  it("finds more connections than allowed", () => {
    const found = changed(({ server, stats }) => ({
      stats: { ...stats, maxConnections: 0 },
      server: { ...server!, peak: 1 }
    }))
    assert.deepStrictEqual(found, ["1 connection was in use at once", "the server had 1 connection at once"])
  })

  it("finds a turning away that nobody met", () => {
    assert.deepStrictEqual(changed(({ stats }) => ({ stats: { ...stats, exhausted: 2 } })), [
      "the pool turned 2 away, the fibers met 1"
    ])
  })

  it("finds fibers that did not end, and an exhausted pool that lent", () => {
    assert.deepStrictEqual(changed(() => ({ ended: false, exhausted: [] })), [
      "some fibers did not end",
      "the exhausted pool did not say why"
    ])
  })
})
