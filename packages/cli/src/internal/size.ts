/** `socketpool size`: a size for a pool, and the waits with smaller and larger ones. */
import * as PoolAdvice from "@socketpool/core/PoolAdvice"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type Failure, usageError } from "./failure.js"
import { bar, paint, print, printJson, Screen } from "./screen.js"
import { duration, figure, table } from "./text.js"

export interface Options {
  readonly arrivals: number
  readonly hold: Duration.Duration
  readonly maxWait: Duration.Duration
  readonly percentile: number
  readonly concurrency: number
  readonly json: boolean
}

/** The most leases at once that `PoolAdvice` takes. */
const mostLeases = 1_000_000

/** Returns sizes around the suggested one, from the smallest that can bear the load: closely below it, loosely above. */
const sizesAround = (suggested: number, least: number): ReadonlyArray<number> => {
  const step = Math.max(1, Math.round((suggested - least) / 4))
  const below = [4, 3, 2, 1].map((n) => suggested - n * step).filter((size) => size >= least)
  const above = [suggested + step, suggested + 2 * step]
  return [...new Set([least, ...below, suggested, ...above])].sort((a, b) => a - b)
}

/** The figures are estimates: below these limits their digits say nothing. */
const percent = (fraction: number): string =>
  fraction > 0 && fraction < 1e-4 ? "< 0.01 %" : `${figure(fraction * 100)} %`
const wait = (millis: number): string => millis > 0 && millis < 1e-3 ? "< 1 us" : duration(millis)

export const run = (options: Options): Effect.Effect<void, Failure, Screen> =>
  Effect.gen(function*() {
    const { arrivals, concurrency, hold, maxWait, percentile } = options
    const expected = { arrivalsPerSecond: arrivals, hold, concurrency, percentile }
    const load = arrivals * Duration.toSeconds(hold)
    if (load > mostLeases) {
      return yield* usageError(
        `--arrivals times --hold must be at most ${mostLeases} leases at once, but is ${Math.round(load)}`
      )
    }
    const suggested = PoolAdvice.size({ ...expected, maxWait })
    const forecasts = sizesAround(suggested.maxConnections, Math.floor(load / concurrency) + 1).map((maxConnections) =>
      PoolAdvice.forecast({ ...expected, maxConnections })
    )
    if (options.json) return yield* printJson({ suggested, forecasts })

    const screen = yield* Screen
    const waitOf = `P${percentile} WAIT`
    const longest = Math.max(...forecasts.map(({ percentileMillis }) => percentileMillis))
    const rows = table(
      [
        { head: "CONNECTIONS", align: "right" },
        { head: "BUSY", align: "right" },
        { head: "MUST WAIT", align: "right" },
        { head: "MEAN WAIT", align: "right", rank: 1 },
        { head: waitOf, align: "right" },
        { head: "", align: "left", rank: 2 }
      ],
      forecasts.map((forecast) => [
        String(forecast.maxConnections),
        percent(forecast.utilization),
        percent(forecast.waited),
        wait(forecast.meanWaitMillis),
        wait(forecast.percentileMillis),
        longest === 0 ? "" : bar(screen, forecast.percentileMillis / longest, 24)
      ]),
      screen.isTerminal ? screen.columns() : Infinity
    )
    const wanted = Duration.toMillis(maxWait) === 0
      ? `at most ${figure(100 - percentile)} % of the requests wait`
      : `${percentile} % of the requests wait for ${duration(Duration.toMillis(maxWait))} at most`
    yield* print(
      [
        `${figure(arrivals)} requests per second, each holding a connection for ${
          duration(Duration.toMillis(hold))
        }, ` +
        `keep ${figure(load)} leases busy on average.`
      ],
      [paint(`maxConnections: ${suggested.maxConnections}`, "bold"), `, with which ${wanted}.`],
      "",
      ...rows.map((row, i) =>
        i === 0
          ? paint(row, "dim")
          : forecasts[i - 1]!.maxConnections === suggested.maxConnections
          ? paint(row, "good")
          : row
      ),
      "",
      "Arrivals independent of each other, and random holds, are assumed (Erlang's C formula). Bursts wait longer.",
      "The server's own limit, divided by all processes, is the upper bound. Once it runs, ask pool.advise."
    )
  })
