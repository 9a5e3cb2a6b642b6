/** The common part of both views of the fleet: one for a terminal, and one for lines. */
import type { FaultyServer } from "../faultyServer.js"
import { count } from "../text.js"
import type { Member } from "./fleet.js"
import type { Line, Story } from "./story.js"

export interface Options {
  /** The running time without a terminal, from the moment at which all processes hold a place. */
  readonly seconds: number
  readonly json: boolean
}

export interface Running {
  readonly options: Options
  readonly server: FaultyServer
  readonly redisPort: number
  readonly members: ReadonlyArray<Member>
  readonly story: Story
}

/** The number of places of all processes together. */
export const limit = 8
/** The most connections of one process's pool: more than all of them may have. */
export const connections = 20
/** The borrowers of each process at first. */
export const initialBorrowers = 6

/** A line of the story. A death begins with the time of day, and what follows from it with the time since. */
export const eventText = ({ afterMillis, at, text }: Line): string =>
  `${
    afterMillis === undefined ? new Date(at).toTimeString().slice(0, 8) : `+${count(afterMillis)} ms`.padStart(8)
  }  ${text}`
