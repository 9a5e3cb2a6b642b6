/** The endpoints that a pool, or a part of it, is made of at the moment. */
import { NoEndpointError } from "../../PoolError.js"
import type { PoolStats } from "../../PoolStats.js"
import type { PoolTimes } from "../../PoolTimes.js"
import type { State } from "../state.js"
import { Totals } from "../totals.js"
import type { Group } from "./group.js"
import type { Member } from "./member.js"

/** The choice of a borrower: an endpoint, a tier or any. */
export interface Asked {
  readonly endpoint?: string
  readonly tier?: number
}

export class Selection<C, E> {
  private readonly since: number

  constructor(readonly group: Group<C, E>, readonly asked: Asked) {
    this.since = group.lobby.state.since
  }

  get name(): string {
    return this.group.settings.name
  }

  get isWhole(): boolean {
    return this.asked.endpoint === undefined && this.asked.tier === undefined
  }

  /** Whether an endpoint is one of those that were asked for, at the moment. */
  has({ endpoint, isTierKnown, tier }: Member<C, E>): boolean {
    const { asked } = this
    return (asked.endpoint === undefined || endpoint.id === asked.endpoint) &&
      (asked.tier === undefined || isTierKnown && tier === asked.tier)
  }

  /** Whether an endpoint may become one of these without a new set. */
  get mayGrow(): boolean {
    return this.asked.tier !== undefined && this.group.roles !== undefined
  }

  /** The endpoints that lend. */
  get members(): ReadonlyArray<Member<C, E>> {
    return this.isWhole ? this.group.members : this.group.members.filter((member) => this.has(member))
  }

  /** All that have connections, also those that have left the set. */
  get all(): ReadonlyArray<Member<C, E>> {
    return this.isWhole ? this.group.all : this.group.all.filter((member) => this.has(member))
  }

  get states(): ReadonlyArray<State<C>> {
    const states = this.all.map(({ state }) => state)
    return this.isWhole ? [this.group.lobby.state, ...states] : states
  }

  /** The endpoint for the next borrower, of those that it has not tried. */
  pick(tried: ReadonlySet<Member<C, E>> | undefined): Member<C, E> | undefined {
    const { members } = this
    return this.group.pick(tried === undefined ? members : members.filter((member) => !tried.has(member)))
  }

  get statsNow(): PoolStats {
    const { group, states } = this
    const now = group.runtime.now()
    const totals = this.isWhole ? group.totals : new Totals()
    const max = this.isWhole
      ? group.max
      : Math.min(group.max, this.members.reduce((sum, { state }) => sum + state.max, 0))
    return totals.stats(states, max, now - this.since, now)
  }

  get times(): PoolTimes {
    return (this.isWhole ? this.group.totals : new Totals()).times(this.states)
  }

  /** The last error of those endpoints that have not worked since. */
  get lastError(): { readonly value: unknown } | undefined {
    let last: { readonly value: unknown; readonly at: number } | undefined
    for (const { health } of this.members) {
      const { lastError } = health
      if (lastError !== undefined && (last === undefined || lastError.at >= last.at)) last = lastError
    }
    return last
  }

  private noEndpoint(reason: NoEndpointError["reason"], since: number): NoEndpointError {
    const { lastDiscoveryError, runtime } = this.group
    return new NoEndpointError({
      pool: this.name,
      reason,
      waitedMillis: Math.round(runtime.now() - since),
      ...this.asked,
      ...(lastDiscoveryError === undefined ? {} : { lastDiscoveryError: lastDiscoveryError.value })
    })
  }

  /** There is no such endpoint, or no set yet. */
  missing(since: number): NoEndpointError {
    return this.noEndpoint(this.group.hasSet ? "Unknown" : "Empty", since)
  }
}
