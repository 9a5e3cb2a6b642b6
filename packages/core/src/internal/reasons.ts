/** The reasons that the statistics count by. */

export const closeReasons = [
  "Expired",
  "Stale",
  "MaxUses",
  "Invalid",
  "Disconnected",
  "Discarded",
  "Desync",
  "Dropped",
  "Cleared",
  "Surplus",
  "PoolClosed"
] as const

export const borrowFailures = ["Timeout", "QueueFull", "NoWait", "SelfDeadlock", "OpenFailed", "PoolClosed"] as const
