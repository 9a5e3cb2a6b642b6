/**
 * The metrics of a pool. Each is read from the pool's state when it is collected, so lending costs nothing more.
 *
 * `db.client.connection.*` are OpenTelemetry's, with its meanings:
 * https://opentelemetry.io/docs/specs/semconv/database/database-metrics/
 */
import { Histogram } from "../histogram.js"
import type { Figures } from "../protocol/figures.js"
import { borrowFailures, closeReasons } from "../reasons.js"
import { oldestWait } from "../snapshot.js"
import type { State } from "../state.js"
import { overloadedMillis } from "../transitions/overload.js"

/** A dimension in addition to the pool's name. */
export type Dimension = "state" | "reason" | "outcome"

/** One line of an instrument. */
export interface Series {
  /** The same in every copy of this module. */
  readonly key: string
  readonly labels: { readonly [D in Dimension]?: string }
  readonly read: (state: State<any>, now: number) => number
  /** Joins the values of pools of one name: their sum, or the highest. */
  readonly join: (a: number, b: number) => number
}

export interface Count {
  /** A value that can fall and is 0 once the pool has closed, or one that only grows. */
  readonly kind: "UpDownCounter" | "Counter"
  readonly name: string
  readonly unit: string
  readonly description: string
  readonly series: ReadonlyArray<Series>
  /** Whether it measures sessions, which only the pools of clients have. */
  readonly isOfSessions?: true
}

/** A line without its key. */
type Line = Omit<Series, "key">

/** Durations in seconds. */
export interface Times {
  readonly kind: "Histogram"
  readonly name: string
  readonly unit: "s"
  readonly description: string
  readonly read: (state: State<any>) => Histogram
  readonly isOfSessions?: true
}

export type Instrument = Count | Times

const sum = (a: number, b: number): number => a + b

const count = (
  kind: Count["kind"],
  name: string,
  unit: string,
  description: string,
  lines: ReadonlyArray<Line> | Line["read"]
): Count => ({
  kind,
  name,
  unit,
  description,
  series: (typeof lines === "function" ? [{ labels: {}, read: lines, join: sum }] : lines).map((line) => ({
    ...line,
    key: [name, ...Object.values(line.labels)].join(" ")
  }))
})

const times = (name: string, description: string, read: Times["read"]): Times => ({
  kind: "Histogram",
  name,
  unit: "s",
  description,
  read
})

const none = new Histogram()

const ofSessions = (
  kind: Count["kind"],
  name: string,
  unit: string,
  description: string,
  read: (sessions: Figures) => number
): Count => ({
  ...count(kind, name, unit, description, ({ sessions }) => sessions === undefined ? 0 : read(sessions)),
  isOfSessions: true
})

/** The parts of a pool of endpoints have one limit together, which is that of the pool. */
const most = (state: State<any>): number => state.isPart ? 0 : state.max

const idle = (state: State<any>): number => state.idle.length + state.expiring.length

export const counts: ReadonlyArray<Count> = [
  count("UpDownCounter", "db.client.connection.count", "{connection}", "Open connections, idle and in use.", [
    { labels: { state: "idle" }, read: idle, join: sum },
    { labels: { state: "used" }, read: (state) => state.inUse, join: sum }
  ]),
  count(
    "UpDownCounter",
    "db.client.connection.idle.max",
    "{connection}",
    "The maximum number of idle connections.",
    most
  ),
  count(
    "UpDownCounter",
    "db.client.connection.idle.min",
    "{connection}",
    "The number of connections that are kept open.",
    (state) => state.min
  ),
  count(
    "UpDownCounter",
    "db.client.connection.max",
    "{connection}",
    "The maximum number of connections.",
    most
  ),
  count(
    "UpDownCounter",
    "db.client.connection.pending_requests",
    "{request}",
    "Requests that wait for a connection.",
    (state) => state.pending
  ),
  count(
    "UpDownCounter",
    "socketpool.pending.oldest_age",
    "s",
    "The time that the longest-waiting request has been waiting; the longest of pools of one name.",
    [{ labels: {}, read: (state, now) => oldestWait(state, now) / 1_000, join: Math.max }]
  ),
  count(
    "Counter",
    "db.client.connection.timeouts",
    "{timeout}",
    "Requests that got no connection in time.",
    (state) => state.failed.Timeout
  ),
  count(
    "UpDownCounter",
    "socketpool.connection.opening",
    "{connection}",
    "Opens in flight, and failed ones that are being cleaned up.",
    (state) => state.opening.length + state.aborting.length
  ),
  count(
    "UpDownCounter",
    "socketpool.connection.closing",
    "{connection}",
    "Connections whose close has not finished.",
    (state) => state.closing.length
  ),
  count(
    "UpDownCounter",
    "socketpool.connection.validating",
    "{connection}",
    "Connections in use that are only being validated.",
    (state) => state.validating.length
  ),
  count("Counter", "socketpool.connection.opened", "{connection}", "Connections opened.", (state) => state.opened),
  count(
    "Counter",
    "socketpool.connection.open_failures",
    "{connection}",
    "Opens that gave no connection.",
    (state) => state.openFailed
  ),
  count(
    "Counter",
    "socketpool.connection.closed",
    "{connection}",
    "Connections closed, by reason.",
    closeReasons.map((reason) => ({ labels: { reason }, read: (state) => state.closed[reason], join: sum }))
  ),
  count("Counter", "socketpool.acquire", "{request}", "Requests for a connection that have ended, by outcome.", [
    { labels: { outcome: "Immediate" }, read: (state) => state.acquired - state.waited, join: sum },
    { labels: { outcome: "Waited" }, read: (state) => state.waited, join: sum },
    ...borrowFailures.map((outcome) => ({
      labels: { outcome },
      read: (state: State<any>) => state.failed[outcome],
      join: sum
    })),
    { labels: { outcome: "TooManyKeys" }, read: (state) => state.tooManyKeys, join: sum },
    { labels: { outcome: "Cancelled" }, read: (state) => state.cancelled, join: sum }
  ]),
  count("UpDownCounter", "socketpool.lease.held", "{lease}", "Leases that are held.", (state) => state.leased),
  count(
    "UpDownCounter",
    "socketpool.lease.suspected",
    "{lease}",
    "Leases that are held for longer than leakThreshold.",
    (state) => state.suspected.length
  ),
  count(
    "Counter",
    "socketpool.lease.leaks",
    "{lease}",
    "Leases that were held for longer than leakThreshold.",
    (state) => state.leaksSuspected
  ),
  count(
    "Counter",
    "socketpool.overload.time",
    "s",
    "The time that the pool has been overloaded, if its option `overload` looks for that.",
    (state, now) => overloadedMillis(state, now) / 1_000
  ),
  ofSessions("Counter", "socketpool.session.requests", "{request}", "Requests to sessions.", (all) => all.requests),
  ofSessions(
    "UpDownCounter",
    "socketpool.session.in_flight",
    "{request}",
    "Requests that have been sent and wait for their response.",
    (all) => all.snapshot.inFlight
  ),
  ofSessions(
    "Counter",
    "socketpool.session.abandoned",
    "{request}",
    "Requests that were interrupted or timed out after they had been sent.",
    (all) => all.abandoned
  ),
  ofSessions(
    "UpDownCounter",
    "socketpool.session.tombstones",
    "{request}",
    "Abandoned requests whose response is still to come, and will be dropped.",
    (all) => all.snapshot.tombstones
  ),
  ofSessions(
    "Counter",
    "socketpool.session.stalls",
    "{session}",
    "Sessions that ended because the peer was silent for stallTimeout.",
    (all) => all.stalls
  )
]

export const timings: ReadonlyArray<Times> = [
  times("db.client.connection.create_time", "The time it took to open a connection.", (state) => state.openTime),
  times("db.client.connection.wait_time", "The time it took to obtain a connection.", (state) => state.waitTime),
  times("db.client.connection.use_time", "The time a connection was held by a borrower.", (state) => state.useTime),
  {
    ...times(
      "socketpool.session.round_trip_time",
      "The time from the sending of a request to its whole response.",
      ({ sessions }) => sessions?.roundTrips ?? none
    ),
    isOfSessions: true
  }
]

/**
 * The upper bounds of histograms, in milliseconds: OpenTelemetry's (1, 5, 10, 50, 100, 500 ms, 1, 5, 10 s) and others
 * between and below. Each is also a bound of `Histogram`, so the counts are exact.
 */
export const bounds: ReadonlyArray<number> = [
  0.01,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  25,
  50,
  100,
  250,
  500,
  1_000,
  2_500,
  5_000,
  10_000
]

export const boundsInSeconds: ReadonlyArray<number> = bounds.map((millis) => millis / 1_000)
