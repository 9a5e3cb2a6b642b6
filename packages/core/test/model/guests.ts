import { async, type RunningFiber, stop } from "@socketpool/test-seam"
import { type Cause, Effect, Exit } from "effect"
import type { Link } from "./connector.js"
import type { Borrower, Kind } from "./facts.js"
import { refused } from "./outcomes.js"
import { isTagged, Stage } from "./stage.js"

/** The next step of a holder. */
type Order =
  | { readonly _tag: "End"; readonly exit: Exit.Exit<void, string> }
  | { readonly _tag: "Do"; readonly effect: Effect.Effect<void> }

/** A borrower and his fiber. */
class Guest {
  fiber: RunningFiber<unknown, unknown> | undefined = undefined
  /** The guest that borrows in the same fiber meanwhile. */
  nested: Guest | undefined = undefined
  order: ((order: Order) => void) | undefined = undefined

  constructor(readonly borrower: Borrower) {}

  get isWaiting(): boolean {
    return this.borrower.status === "waiting"
  }

  get isHolding(): boolean {
    return this.borrower.status === "holding"
  }

  get isManual(): boolean {
    return this.borrower.kind === "acquire"
  }
}

/** The borrowers and what they do. */
export class Guests extends Stage {
  protected readonly guests: Array<Guest> = []
  /** Every connection that was ever lent. */
  protected readonly links: Array<Link> = []

  protected arrive(kind: Kind, timeout = this.books.setting.acquireTimeout): boolean {
    const { books, pool } = this
    const borrower = books.arrives(kind, timeout)
    const guest = new Guest(borrower)
    this.guests.push(guest)
    const hold = (link: Link) =>
      Effect.suspend(() => {
        this.holds(guest, link)
        return this.obey(guest)
      })
    const note = (link: Link) => Effect.sync(() => this.holds(guest, link))
    const own = timeout !== books.setting.acquireTimeout
    const effect: Effect.Effect<void, unknown> = kind === "use"
      ? pool.use(hold)
      : kind === "useExclusive"
      ? pool.useExclusive(hold)
      : kind !== "acquire"
      ? Effect.scoped(Effect.flatMap(kind === "get" ? pool.get : pool.exclusive, hold))
      : Effect.flatMap(own ? pool.acquireWith({ timeout }) : pool.acquire, note)
    guest.fiber = this.timeline.fork(effect)
    guest.fiber.addObserver((exit) => this.ended(guest, exit))
    return true
  }

  private holds(guest: Guest, link: Link): void {
    if (guest.borrower.status === "holding") this.books.problem(`borrower ${guest.borrower.id} was served again`)
    this.books.holds(guest.borrower, link)
    if (!this.links.includes(link)) this.links.push(link)
  }

  private obey(guest: Guest): Effect.Effect<void, string> {
    return Effect.flatMap(
      async<Order>((resume) => {
        guest.order = (order) => resume(Effect.succeed(order))
      }),
      (order) => order._tag === "End" ? order.exit : Effect.andThen(order.effect, this.obey(guest))
    )
  }

  private ended(guest: Guest, exit: Exit.Exit<unknown, unknown>): void {
    const { borrower } = guest
    guest.fiber = undefined
    if (borrower.status === "waiting" || borrower.status === "moving") {
      borrower.status = "over"
      refused(this.books, borrower, exit)
    } else if (!guest.isManual) {
      if (borrower.lease) this.books.problem(`borrower ${borrower.id} ended by itself: ${String(exit)}`)
      borrower.status = "over"
    }
  }

  protected finish(guest: Guest, how: "succeeds" | "fails" | "dies"): void {
    const { borrower } = guest
    const line = borrower.line!
    if (guest.isManual) {
      borrower.status = "over"
      if (borrower.lease) {
        this.books.leaseEnds(borrower, true, "succeeds")
        const exit = this.timeline.call(this.pool.release(line.link))
        if (Exit.isFailure(exit)) {
          this.books.problem(`connection ${line.link.id} was not released: ${String(exit.cause)}`)
        }
      } else if (line.manual === 0) {
        this.notFound("release", this.timeline.call(this.pool.release(line.link)))
      }
      return
    }
    const order = guest.order
    if (order === undefined) return
    guest.order = undefined
    this.books.leaseEnds(borrower, how !== "dies", how === "dies" ? "other" : how)
    const exit = how === "succeeds"
      ? Exit.void
      : how === "fails"
      ? Exit.fail("the work fails")
      : Exit.die("the work dies")
    order({ _tag: "End", exit })
  }

  protected interruptible(): ReadonlyArray<Guest> {
    return this.guests.filter(({ fiber, isManual, isWaiting, order }) => {
      if (fiber === undefined) return false
      // A guest that takes a connection by hand must not be interrupted in the step that hands it over; and of two
      // ends at once it is not promised which one counts.
      return !this.books.crowded || (isWaiting && !isManual) || order !== undefined
    })
  }

  protected interrupt(guest: Guest): void {
    guest.borrower.interrupted = true
    this.books.lastInterrupt = this.books.round
    guest.order = undefined
    if (guest.nested !== undefined) guest.nested.borrower.interrupted = true
    this.books.leaseEnds(guest.borrower, false, "other")
    stop(guest.fiber!)
  }

  protected releaseEarly(guest: Guest): void {
    const order = guest.order
    if (order === undefined) return
    const { borrower } = guest
    guest.order = undefined
    const release = Effect.suspend(() => {
      const { lease } = borrower
      this.books.leaseEnds(borrower, true, "succeeds")
      return Effect.map(Effect.exit(this.pool.release(borrower.line!.link)), (exit) => {
        // A close that does not wait may just have cut it.
        if (this.books.isDrained) return
        if (!lease) this.notFound("release", exit)
        else if (Exit.isFailure(exit)) this.books.problem(`borrower ${borrower.id} could not release: ${String(exit)}`)
      })
    })
    order({ _tag: "Do", effect: release })
  }

  protected reconnect(guest: Guest): void {
    const { books } = this
    const { borrower } = guest
    const { link } = borrower.line!
    let closing = false
    const begin = Effect.sync(() => {
      closing = books.closing
      if (!closing && borrower.lease && !books.isDrained) books.moves(borrower)
    })
    const ended = (exit: Exit.Exit<Link, unknown>): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (exit._tag === "Success") {
          this.holds(guest, exit.value)
          return Effect.void
        }
        if (closing) {
          if (!isTagged(exit, "PoolClosedError") && borrower.lease && !books.isDrained) {
            books.problem(`reconnect failed: ${String(exit.cause)}`)
          }
          return Effect.void
        }
        if (borrower.status === "holding") {
          // He had lost his lease meanwhile.
          this.notFound("reconnect", exit)
          return Effect.void
        }
        borrower.status = "over"
        refused(books, borrower, exit)
        return Effect.failCause(exit.cause as Cause.Cause<never>)
      })
    const work = Effect.uninterruptibleMask((restore) =>
      Effect.andThen(begin, Effect.flatMap(Effect.exit(restore(this.pool.reconnect(link))), ended))
    )
    if (guest.isManual) {
      guest.fiber = this.timeline.fork(work)
      guest.fiber.addObserver(() => {
        guest.fiber = undefined
      })
    } else {
      const order = guest.order!
      guest.order = undefined
      order({ _tag: "Do", effect: work })
    }
  }

  /** Borrows once more in the same fiber. */
  protected nest(guest: Guest): void {
    const { books } = this
    const borrower = books.arrives("acquire", books.setting.acquireTimeout)
    const inner = new Guest(borrower)
    borrower.outer = guest.borrower
    this.guests.push(inner)
    guest.nested = inner
    const work = Effect.uninterruptibleMask((restore) =>
      Effect.map(Effect.exit(restore(this.pool.acquire)), (exit) => {
        guest.nested = undefined
        if (exit._tag === "Success") this.holds(inner, exit.value)
        else this.ended(inner, exit)
      })
    )
    const order = guest.order!
    guest.order = undefined
    order({ _tag: "Do", effect: work })
  }
}
