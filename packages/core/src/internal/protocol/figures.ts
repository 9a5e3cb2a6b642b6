/** The counts of the sessions of one client. */
import { Histogram } from "../histogram.js"

/** A session, as far as its figures are concerned. */
interface Counted {
  readonly inFlight: number
  readonly abandoned: number
}

export class Figures {
  requests = 0
  /** Requests whose askers stopped waiting after they had been sent. */
  abandoned = 0
  stalls = 0
  readonly roundTrips = new Histogram()
  /** The sessions that have not ended. */
  readonly sessions = new Set<Counted>()

  get snapshot() {
    let inFlight = 0
    let tombstones = 0
    for (const session of this.sessions) {
      inFlight += session.inFlight
      tombstones += session.abandoned
    }
    return {
      requests: this.requests,
      inFlight,
      abandoned: this.abandoned,
      tombstones,
      stalls: this.stalls,
      roundTripTime: this.roundTrips.summary
    }
  }
}
