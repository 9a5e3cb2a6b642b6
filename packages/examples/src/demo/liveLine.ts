/** The one line that says what the pool is doing now. */
import type { PoolStats } from "@socketpool/core"
import type { Histogram } from "./histogram.js"
import { fit, formatCount, formatMillis } from "./text.js"

export interface View {
  readonly elapsedMillis: number
  readonly stats: PoolStats
  readonly served: number
  readonly failed: number
  /** The waits of the last second. */
  readonly waits: Histogram
}

/** The line, in at most `width` characters. */
export const liveLine = ({ elapsedMillis, failed, served, stats, waits }: View, width: number): string => {
  const [p50, p99] = [waits.percentile(50), waits.percentile(99)].map(formatMillis)
  return fit([
    { rank: 2, text: `${(elapsedMillis / 1000).toFixed(1)} s`.padStart(6) },
    { rank: 9, text: `in use ${stats.inUse}/${stats.maxConnections}` },
    { rank: 7, text: `idle ${stats.idle}` },
    { rank: 8, text: `pending ${stats.pending}` },
    { rank: 6, text: `served ${formatCount(served)}` },
    { rank: 1, text: `failed ${formatCount(failed)}` },
    { rank: 5, text: `wait p50 ${p50} p99 ${p99} ms` }
  ], width)
}
