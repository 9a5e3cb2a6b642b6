/** The endpoints of a pool, with their parts of the leases of the last minute. */
import type { EndpointStatus } from "@socketpool/core/EndpointPool"
import type { EndpointsSnapshot } from "../Snapshot.js"
import { LastMinute } from "./recent.js"

/** The most endpoints of a pool in a snapshot. */
const maxEndpoints = 100

/** An endpoint that has moved counts from 0 again. */
const keyOf = ({ host, id, port }: EndpointStatus): string => JSON.stringify([id, host, port])

/** All in their order. If there are too many, those that say the most. */
const listed = <A extends EndpointStatus>(endpoints: ReadonlyArray<A>): ReadonlyArray<A> => {
  if (endpoints.length <= maxEndpoints) return endpoints
  const isUp = ({ state }: A) => Number(state === "Up")
  const shown = new Set([...endpoints].sort((a, b) => isUp(a) - isUp(b) || b.load - a.load).slice(0, maxEndpoints))
  return endpoints.filter((endpoint) => shown.has(endpoint))
}

export class RecentShares {
  private readonly lastMinute = new LastMinute<ReadonlyMap<string, number>>(new Map())

  /** Returns the endpoints at this age of their pool. */
  at(age: number, endpoints: ReadonlyArray<EndpointStatus>): EndpointsSnapshot {
    const now = new Map(endpoints.map((endpoint) => [keyOf(endpoint), endpoint.acquired]))
    const { value: before } = this.lastMinute.before(age, now)
    const given = endpoints.map((endpoint) => {
      const earlier = before.get(keyOf(endpoint)) ?? 0
      // An endpoint that has left the set and returned starts from 0.
      return endpoint.acquired < earlier ? endpoint.acquired : endpoint.acquired - earlier
    })
    const all = given.reduce((sum, n) => sum + n, 0)
    return {
      count: endpoints.length,
      listed: listed(endpoints.map((endpoint, i) => ({ ...endpoint, share: all === 0 ? 0 : given[i]! / all })))
    }
  }
}
