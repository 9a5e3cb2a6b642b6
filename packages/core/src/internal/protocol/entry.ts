/** The requests of one session, from the queue until their responses have come. */
import type * as Exit from "effect/Exit"
import type { Linked, List } from "../list.js"

/** A request on its way through a session. */
export interface Entry extends Linked<Entry> {
  /** Its bytes, or its text; nothing once the connection has been handed them. */
  bytes: Uint8Array | string | undefined
  /** The messages that answer it and have not come. */
  left: number
  readonly tag: unknown
  /** The longest silence of the peer while it works on the request, in milliseconds. */
  readonly silence: number
  /** The moment at which it was sent. */
  sentAt: number
  /** The messages that have come, if several answer it. */
  collected: Array<unknown> | undefined
  /** The response has come, or the request has been sent and none will come, or it has failed. */
  readonly done: (exit: Exit.Exit<unknown, any>) => void
}

/** Keeps the place of a response for which nobody waits any more. */
export class Tombstone implements Entry {
  prev: Entry | undefined = undefined
  next: Entry | undefined = undefined
  list: List<Entry> | undefined = undefined

  readonly bytes = undefined
  left: number
  readonly tag: unknown
  readonly silence: number
  sentAt = 0
  collected: Array<unknown> | undefined = undefined

  constructor(entry: Entry) {
    this.left = entry.left
    this.tag = entry.tag
    this.silence = entry.silence
  }

  done(): void {}
}
