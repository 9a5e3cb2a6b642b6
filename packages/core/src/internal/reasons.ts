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
  "Reclaimed",
  "PoolClosed"
] as const

export const borrowFailures = [
  "Timeout",
  "QueueFull",
  "NoWait",
  "SelfDeadlock",
  "Shed",
  "OpenFailed",
  "PoolClosed"
] as const
