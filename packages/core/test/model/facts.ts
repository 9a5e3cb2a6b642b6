import type { CloseReason } from "@socketpool/core"
import type { Link } from "./connector.js"

/** One call of `open`. It takes up a place until what it left behind is gone. */
export interface Attempt {
  readonly id: number
  readonly begun: number
  state: "opening" | "sweeping" | "over"
  /** When its outcome was of no use any more: it failed, took too long, or the pool was cleared, closed or shrunk. */
  givenUpAt: number | undefined
  /** Whether an interrupt does not end it, so that it does not show when it is given up. */
  readonly stubborn: boolean
  /** Whether `resize` may have given it up: which ones it takes is not promised. */
  perhapsGivenUp: boolean
}

/** Something because of which a connection must not be lent. */
export type Fault = "Disconnected" | "Outdated" | "Invalid" | "Rejected" | "Discarded" | "Dropped" | "Replaced"

/** Whether a new connection has yet to show that it works. */
export type Trial = "on" | "perhaps" | "over"

/** All that is known of one connection. */
export class Line {
  trial: Trial = "on"
  /** The round in which it has shown that it works. Other events of that round may come first. */
  provedIn = -1
  /** Whether somebody who used it has failed. */
  accused = false
  leases = 0
  /** The round in which one of them ended last. */
  endedIn = -1
  /** Whether the lease that it has is an exclusive one. */
  alone = false
  /** The number of them that were taken by hand. */
  manual = 0
  uses = 0
  validating = false
  validatingSince = 0
  /** The round in which it was asked. */
  askedIn = 0
  /** When each `onRelease` was asked that has not answered. */
  readonly resets = new Map<number, number>()
  /** The round in which the time of an `onRelease` was over. */
  overdueIn = -1
  /** Since when it is idle, and since which round: it is called idle only once everything rests. */
  idleSince: number | undefined = undefined
  idleRound = 0
  /** An earlier moment since which it may be idle: it was asked, and that may have been to keep it alive. */
  vagueSince: number | undefined = undefined
  /** When somebody may have used it of whom nothing shows. */
  usedUnseen = -Infinity
  /** Since when it is idle, or has answered last. */
  heardSince: number | undefined = undefined
  /** When it was last seen to be too old to be asked. */
  oldAt = -Infinity
  /** Since when it was idle when it was asked to keep it alive, and since which round. */
  kept: { readonly since: number; readonly round: number; readonly surely: boolean } | undefined = undefined
  /** Whether it has answered that it works and was not lent since. */
  answered = false
  /** Whether one was found broken that was asked when this one was open, and this one was not asked since. */
  suspect = false
  /** The round in which one was. */
  suspectIn = -1
  /** Whether there may be something wrong with it that does not show. */
  doubted = false
  /** Its fault, and the round since which it has it. */
  readonly faults = new Map<Fault, number>()
  closingAt: number | undefined = undefined
  closingIn = -1
  closed = false
  /** The reasons that the pool had when it began to close. */
  excuses: ReadonlyArray<CloseReason> = []

  constructor(
    readonly link: Link,
    readonly attempt: Attempt,
    readonly generation: number,
    readonly bornAt: number,
    readonly bornIn: number,
    /** Whether nobody wanted it any more when it was there. */
    public stillborn: boolean
  ) {}

  get isOpen(): boolean {
    return this.closingAt === undefined && !this.stillborn
  }

  get isIdle(): boolean {
    return this.isOpen && this.leases === 0 && !this.validating && this.resets.size === 0
  }
}

export type Kind = "use" | "get" | "acquire" | "exclusive" | "useExclusive"

/** Somebody who wants, or has, a connection. */
export interface Borrower {
  readonly id: number
  readonly kind: Kind
  /** Whether he wants a connection that nobody else has, where others may share it. */
  readonly alone: boolean
  /** Whether he was last served beside others. */
  beside: boolean
  /** The round in which he came. */
  readonly round: number
  /** The number that waited when he came. */
  readonly ahead: number
  /** Whether there was a connection when he came that could have been lent at once. */
  readonly choice: boolean
  /** `moving`: he waits for another connection in place of the one that he had. */
  status: "waiting" | "holding" | "moving" | "over"
  /** Since when he waits or moves. */
  since: number
  timeout: number
  line: Line | undefined
  /** Whether he ever moved, and so came before the queue. */
  moved: boolean
  /** The guest in whose fiber it borrows. */
  outer: Borrower | undefined
  /** Whether his lease is still on. */
  lease: boolean
  leaseSince: number
  suspected: boolean
  interrupted: boolean
}

/** The failure of an open that was wanted. */
export interface Failure {
  readonly attempt: number
  readonly how: "failed" | "failed fatally" | "died" | "timed out"
}
