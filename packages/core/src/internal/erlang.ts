/**
 * Erlang's formulas for a queue in front of some servers: arrivals are independent of each other, and the times of
 * service are exponentially distributed.
 *
 * Source: A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone
 * exchanges", 1917; the recurrence is in every book about queues (M/M/c).
 */

/** A load: arrivals per millisecond × milliseconds of service, the mean number of busy servers. */
export interface Queue {
  readonly servers: number
  readonly load: number
  readonly holdMillis: number
}

/** The B formula for one server more: the part of the arrivals that finds all of them busy, if nobody waits. */
const next = (blocked: number, servers: number, load: number): number => load * blocked / (servers + load * blocked)

/** The C formula from the B formula: the part of the arrivals that has to wait. */
const waiting = (blocked: number, servers: number, load: number): number =>
  blocked / (1 - (load / servers) * (1 - blocked))

/** Returns the part of the arrivals that has to wait: 1 if the load is too large for the servers. */
export const waitProbability = (servers: number, load: number): number => {
  if (load >= servers) return 1
  let blocked = 1
  // From a part of 0 on it stays 0.
  for (let n = 1; n <= servers && blocked > 0; n++) blocked = next(blocked, n, load)
  return waiting(blocked, servers, load)
}

/** Returns the smallest number of servers for which `isEnough`, given the part of the arrivals that has to wait. */
export const leastServers = (load: number, isEnough: (servers: number, waits: number) => boolean): number => {
  let blocked = 1
  for (let servers = 1;; servers++) {
    blocked = next(blocked, servers, load)
    if (servers > load && isEnough(servers, waiting(blocked, servers, load))) return servers
  }
}

/** Returns the mean wait of all arrivals, in milliseconds; infinite if the queue grows without limit. */
export const meanWait = ({ holdMillis, load, servers }: Queue, waits: number): number =>
  load >= servers ? Infinity : waits * holdMillis / (servers - load)

/** Returns the wait that a fraction of the arrivals, below 1, stays within, in milliseconds. */
export const waitAt = ({ holdMillis, load, servers }: Queue, waits: number, fraction: number): number =>
  load >= servers ? Infinity : Math.max(0, Math.log(waits / (1 - fraction)) * holdMillis / (servers - load))
