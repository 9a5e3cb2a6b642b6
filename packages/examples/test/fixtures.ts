import type { PoolStats } from "@socketpool/core"

export const emptyStats: PoolStats = {
  maxConnections: 8,
  minConnections: 0,
  opening: 0,
  idle: 0,
  inUse: 0,
  closing: 0,
  pending: 0,
  opened: 0,
  openFailed: 0,
  closed: { Expired: 0, Invalid: 0, Disconnected: 0, Unclean: 0, Dropped: 0, PoolClosed: 0 },
  acquired: 0,
  waited: 0,
  exhausted: 0
}
