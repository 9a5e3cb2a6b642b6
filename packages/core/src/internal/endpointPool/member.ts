import type { ConnectionPool } from "../../ConnectionPool.js"
import type { CompleteEndpoint } from "../../Endpoint.js"
import type { Engine } from "../engine.js"
import type { State } from "../state.js"
import type { Health } from "./health.js"
import type { Candidate } from "./pick.js"

/** One endpoint and its pool. */
export class Member<C, E> implements Candidate {
  pool!: ConnectionPool<C, E>
  engine!: Engine<C, E>
  /** Whether the endpoint has left the set. */
  isRemoved = false
  /** The tier that the server has answered. */
  role: number | undefined = undefined

  constructor(public endpoint: CompleteEndpoint, readonly health: Health, private readonly isAsked: boolean) {}

  get tier(): number {
    return this.role ?? this.endpoint.tier
  }

  /** Whether the tier is more than what the discovery says of a server that is to be asked. */
  get isTierKnown(): boolean {
    return !this.isAsked || this.role !== undefined
  }

  get state(): State<C> {
    return this.engine.state
  }
}
