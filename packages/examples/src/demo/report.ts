/** What the demo says when all is over. */
import type { PoolExhaustedError, PoolStats } from "@socketpool/core"
import type { Meter } from "./meter.js"
import type { Outage } from "./outage.js"
import { formatCount, formatMillis, plural, type Row } from "./text.js"

/** Everything that was counted, on both sides, after the pool had closed. */
export interface Findings {
  readonly meter: Meter
  /** How long the fibers went on. */
  readonly millis: number
  readonly stats: PoolStats
  /** Leases that were not the fibers'. */
  readonly otherLeases: number
  /** Whether every fiber came to its end in time. */
  readonly ended: boolean
  readonly exhausted: ReadonlyArray<PoolExhaustedError>
  /** Of the demo's own server. */
  readonly server: ServerFindings | undefined
}

export interface ServerFindings {
  /** The most connections it had at once, those of the demo's other pool not counted. */
  readonly peak: number
  /** Connections that it still has. */
  readonly left: number
  /** `undefined` if no reply came after the restart. */
  readonly outage: Outage | undefined
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, number) => total + number, 0)

export const rows = ({ meter, millis, server, stats }: Findings): ReadonlyArray<Row> => {
  const { waits } = meter
  const waited = [waits.percentile(50), waits.percentile(99), waits.max].map(formatMillis)
  const byReason = Object.entries(stats.closed).filter(([, count]) => count > 0)
  const breakdown = (counts: Iterable<readonly [string, number]>) =>
    Array.from(counts, ([label, count]) => ({ label: `  ${label}`, value: formatCount(count) }))
  return [
    { label: "served", value: formatCount(meter.served) },
    { label: "throughput", value: `${formatCount(Math.round(meter.served / (millis / 1000)))} per second` },
    { label: "failed", value: formatCount(meter.failed) },
    ...breakdown([...meter.failures].sort(([, one], [, other]) => other - one)),
    { label: "opened", value: formatCount(stats.opened) },
    { label: "closed", value: formatCount(sum(Object.values(stats.closed))) },
    ...breakdown(byReason),
    { label: "peak in use", value: `${meter.peakInUse} of ${stats.maxConnections}` },
    ...(server === undefined ? [] : [{ label: "peak at the server", value: formatCount(server.peak) }]),
    { label: "wait p50 / p99 / max", value: `${waited.join(" / ")} ms` },
    { label: "wrong replies", value: formatCount(meter.wrong) }
  ]
}

/** What went wrong; nothing if all is well. */
export const problems = (findings: Findings): ReadonlyArray<string> => {
  const { ended, exhausted, meter, otherLeases, server, stats } = findings
  const found: Array<string> = []
  const expect = (ok: boolean, problem: string) => {
    if (!ok) found.push(problem)
  }
  const closed = sum(Object.values(stats.closed))
  const there = stats.opening + stats.idle + stats.inUse + stats.closing
  const turnedAway = sum(
    [...meter.failures].filter(([kind]) => kind.startsWith("PoolExhaustedError ")).map(([, count]) => count)
  )
  expect(meter.wrong === 0, `${meter.wrong === 1 ? "1 reply was" : `${meter.wrong} replies were`} somebody else's`)
  expect(meter.served > 0, "nothing was served")
  expect(ended, "some fibers did not end")
  expect(meter.leases === meter.served + meter.wrong + meter.failedInUse, "leases and what came of them differ")
  expect(
    stats.acquired === meter.leases + otherLeases,
    `the pool counts ${stats.acquired} leases, the fibers had ${meter.leases + otherLeases}`
  )
  expect(stats.exhausted === turnedAway, `the pool turned ${stats.exhausted} away, the fibers met ${turnedAway}`)
  expect(
    meter.peakInUse <= stats.maxConnections,
    `${plural(meter.peakInUse, "connection")} ${meter.peakInUse === 1 ? "was" : "were"} in use at once`
  )
  expect(stats.opened === closed, `${stats.opened} connections were opened, ${closed} closed`)
  expect(there === 0 && stats.pending === 0, "the closed pool is not empty")
  expect(
    exhausted.map((error) => error.reason).join() === "NoWait,QueueFull,SelfDeadlock,Timeout",
    "the exhausted pool did not say why"
  )
  if (server !== undefined) {
    expect(server.left === 0, `the server still has ${plural(server.left, "connection")}`)
    expect(server.peak <= stats.maxConnections, `the server had ${plural(server.peak, "connection")} at once`)
    expect(server.outage !== undefined, "no reply came after the restart")
  }
  return found
}
