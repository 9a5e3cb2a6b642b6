import { assert, describe, it } from "@socketpool/test-seam/vitest"
import { Duration, Effect } from "effect"
import * as Size from "../src/internal/size.js"
import { recorded } from "./fixtures/screen.js"

const options: Size.Options = {
  arrivals: 400,
  hold: Duration.millis(5),
  maxWait: Duration.zero,
  percentile: 99,
  concurrency: 1,
  json: false
}

describe("socketpool size", () => {
  it.effect("names the size, and shows the waits of smaller and larger ones", () =>
    Effect.gen(function*() {
      const screen = recorded()
      yield* Effect.provide(Size.run(options), screen.layer)
      const text = screen.text()
      assert.include(
        text,
        "400 requests per second, each holding a connection for 5 ms, keep 2 leases busy on average."
      )
      assert.include(text, "maxConnections: 7, with which at most 1 % of the requests wait.")
      // Erlang's tables: C(3, 2) = 0.444, mean wait 0.444 × 5 ms ÷ (3 − 2).
      assert.match(text, /^ +3 +66\.7 % +44\.4 % +2\.22 ms +19 ms {2}#{24}$/m)
      assert.match(text, /^ +7 +28\.6 % +0\.\d+ % +\d+(\.\d+)? us +0 ms {2}\.{24}$/m)
    }))

  it.effect("needs fewer if a wait is acceptable", () =>
    Effect.gen(function*() {
      const screen = recorded()
      yield* Effect.provide(Size.run({ ...options, maxWait: Duration.millis(5) }), screen.layer)
      assert.include(screen.text(), "maxConnections: 5, with which 99 % of the requests wait for 5 ms at most.")
    }))

  it.effect("prints JSON in which no figure is missing", () =>
    Effect.gen(function*() {
      const screen = recorded()
      yield* Effect.provide(Size.run({ ...options, arrivals: 1_000, concurrency: 4, json: true }), screen.layer)
      const { forecasts, suggested } = JSON.parse(screen.text())
      assert.isAtLeast(forecasts.length, 3)
      assert.deepInclude(forecasts, suggested)
      for (const forecast of forecasts) {
        for (const [name, value] of Object.entries(forecast)) assert.isNumber(value, name)
      }
    }))

  it.effect("refuses a load that no pool has", () =>
    Effect.gen(function*() {
      const given = { ...options, arrivals: 1_000_000, hold: Duration.minutes(1) }
      const error = yield* Effect.flip(Effect.provide(Size.run(given), recorded().layer))
      assert.deepInclude(error, {
        kind: "usage",
        message: "--arrivals times --hold must be at most 1000000 leases at once, but is 60000000"
      })
    }))
})
