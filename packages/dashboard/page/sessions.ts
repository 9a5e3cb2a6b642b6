/** The figures of a pool whose connections many requests share: that of a `Client`. */
import { el, setHidden } from "./dom.js"
import { count, millis, rate } from "./format.js"
import type { PoolModel, PoolStats } from "./model.js"
import { type Figure, Tiles } from "./tiles.js"

type SessionStats = NonNullable<PoolStats["sessions"]>

const counted = (of: (sessions: SessionStats) => number): Figure["of"] => (_, { sessions }) =>
  sessions === undefined ? null : of(sessions)

/** A percentile of the last minute; none if no response has come in it. */
const roundTrip = (percentile: "p50Millis" | "p99Millis"): Figure["of"] => ({ snapshot }) => {
  const times = snapshot?.recent?.roundTripTime
  return times === undefined || times.count === 0 ? null : times[percentile]
}

const figures: ReadonlyArray<Figure> = [
  {
    key: "sessionRequests",
    label: "requests",
    of: (pool) => pool.recentRate(({ sessions }) => sessions?.requests ?? 0),
    format: rate
  },
  { key: "sessionInFlight", label: "in flight", of: counted(({ inFlight }) => inFlight), format: count },
  { key: "sessionTombstones", label: "to be dropped", of: counted(({ tombstones }) => tombstones), format: count },
  { key: "sessionAbandoned", label: "abandoned", of: counted(({ abandoned }) => abandoned), format: count },
  { key: "sessionStalls", label: "stalls", of: counted(({ stalls }) => stalls), format: count },
  { key: "roundTripP50", label: "round trip p50", of: roundTrip("p50Millis"), format: millis },
  { key: "roundTripP99", label: "round trip p99", of: roundTrip("p99Millis"), format: millis }
]

export class Sessions {
  private readonly tiles = new Tiles(figures)
  readonly element = el(
    "section",
    { class: "sessions", "data-sessions": "", hidden: true },
    el("h3", {}, "Requests on shared connections"),
    this.tiles.element,
    el(
      "p",
      { class: "note" },
      "Abandoned requests were interrupted or timed out after they had been sent. To be dropped are the responses that " +
        "are still to come for them. Requests cover the last 10 seconds, round trips the last minute."
    )
  )

  show(pool: PoolModel, stats: PoolStats): void {
    setHidden(this.element, stats.sessions === undefined)
    this.tiles.show(pool, stats)
  }
}
