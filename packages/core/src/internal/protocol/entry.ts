/** The requests of one session, from the queue until their responses have come. */
import type * as Exit from "effect/Exit"
import type { Linked, List } from "../list.js"

/** A request on its way through a session. */
export abstract class Entry implements Linked<Entry> {
  prev: Entry | undefined = undefined
  next: Entry | undefined = undefined
  list: List<Entry> | undefined = undefined

  /** Its bytes; nothing once they have been handed to the connection. */
  bytes: Uint8Array | undefined
  /** The moment at which it was sent. */
  sentAt = 0
  /** The messages that have come, if several answer it. */
  collected: Array<unknown> | undefined = undefined

  constructor(
    bytes: Uint8Array | undefined,
    /** The messages that answer it and have not come. */
    public left: number,
    readonly tag: unknown,
    /** How long the peer may be silent while it works on the request, in milliseconds. */
    readonly silence: number
  ) {
    this.bytes = bytes
  }

  /** The response has come, or the request has been sent and none will come, or it has failed. */
  abstract done(exit: Exit.Exit<unknown, any>): void
}

/** Keeps the place of a response for which nobody waits any more. */
export class Tombstone extends Entry {
  constructor(entry: Entry) {
    super(undefined, entry.left, entry.tag, entry.silence)
  }

  done(): void {}
}
