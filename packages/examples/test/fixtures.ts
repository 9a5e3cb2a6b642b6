import type { PoolStats } from "@socketpool/core"

const noTime = { count: 0, totalMillis: 0, maxMillis: 0, p50Millis: 0, p95Millis: 0, p99Millis: 0 }

export const emptyStats: PoolStats = {
  ageMillis: 0,
  maxConnections: 8,
  minConnections: 0,
  opening: 0,
  idle: 0,
  inUse: 0,
  validating: 0,
  closing: 0,
  leased: 0,
  pending: 0,
  reconnecting: 0,
  opened: 0,
  openFailed: 0,
  closed: {
    Expired: 0,
    Stale: 0,
    Used: 0,
    Invalid: 0,
    Disconnected: 0,
    Unclean: 0,
    Dropped: 0,
    Cleared: 0,
    Surplus: 0,
    PoolClosed: 0
  },
  acquired: 0,
  waited: 0,
  exhausted: 0,
  timedOut: 0,
  failed: { Timeout: 0, QueueFull: 0, NoWait: 0, SelfDeadlock: 0, OpenFailed: 0, PoolClosed: 0 },
  cancelled: 0,
  leaksSuspected: 0,
  waitTime: noTime,
  useTime: noTime,
  openTime: noTime
}
