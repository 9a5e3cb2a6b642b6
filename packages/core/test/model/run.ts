import { complete, promise, reasonOf, type RunningFiber } from "@socketpool/test-seam"
import { Effect, Exit } from "effect"
import type { Command, Step } from "./commands.js"
import type { Link } from "./connector.js"
import type { Line } from "./facts.js"
import { Guests } from "./guests.js"
import { isTagged, Violation } from "./stage.js"

/** One pool, from its making to its end. */
export class Run extends Guests {
  private readonly ready = new Set<RunningFiber<void, unknown>>()

  /** Does one step; whether there was something to do. */
  step({ command, hurried }: Step): boolean {
    const done = this.do(command)
    if (hurried && command._tag !== "Pass") this.books.crowded = true
    else if (command._tag !== "Pass") this.rest()
    return done
  }

  private do(command: Command): boolean {
    switch (command._tag) {
      case "Pass":
        this.rest()
        this.timeline.pass(command.millis, () => this.examine())
        return true
      case "Use":
        return this.arrive("use")
      case "Get":
        return this.arrive("get")
      case "Acquire":
        return this.arrive("acquire")
      case "UseExclusive":
        return this.arrive("useExclusive")
      case "Exclusive":
        return this.arrive("exclusive")
      case "AcquireWith":
        return this.arrive("acquire", command.timeout)
      case "Finish":
        return this.pick(
          this.guests.filter((guest) => guest.isHolding),
          command.at,
          (guest) => this.finish(guest, command.how)
        )
      case "Interrupt":
        return this.pick(this.interruptible(), command.at, (guest) => this.interrupt(guest))
      case "ReleaseEarly":
        return this.pick(
          this.guests.filter((guest) => guest.borrower.lease && guest.order !== undefined),
          command.at,
          (guest) => this.releaseEarly(guest)
        )
      case "ReleaseAgain":
        return this.pick(
          this.links.filter((link) => this.books.line(link).manual === 0),
          command.at,
          (link) => this.notFound("release", this.timeline.call(this.pool.release(link)))
        )
      case "ReleaseForeign": {
        const foreign: Link = { id: 0, alive: true, outdated: false, gone: promise() }
        this.notFound("release", this.timeline.call(this.pool.release(foreign)))
        this.notFound("drop", this.timeline.call(this.pool.drop(foreign)))
        return true
      }
      case "Drop":
        return this.pick(this.links, command.at, (link) => this.drop(this.books.line(link)))
      case "Invalidate":
        return this.pick(this.links, command.at, (link) => {
          this.books.fault(this.books.line(link), "Invalid")
          this.timeline.call(this.pool.invalidate(link))
        })
      case "Disconnect":
        return this.pick(this.links.filter((link) => link.alive), command.at, (link) => {
          link.alive = false
          this.books.fault(this.books.line(link), "Disconnected")
          complete(link.gone, Exit.void)
        })
      case "Outdate":
        return this.pick(this.links.filter((link) => !link.outdated), command.at, (link) => {
          link.outdated = true
          this.books.fault(this.books.line(link), "Outdated")
        })
      case "DropExpired":
        this.dropExpired()
        return true
      case "Script":
        this.next[command.hook].push(command.behaviour)
        return true
      case "Close":
        this.close()
        return true
      case "Clear":
        if (!this.books.closing) this.books.cleared()
        this.timeline.call(this.pool.clear)
        return true
      case "Resize":
        this.resize(Math.min(command.min, command.max), command.max)
        return true
      case "Reconnect":
        return this.pick(
          this.guests.filter((guest) => guest.borrower.lease && (guest.isManual || guest.order !== undefined)),
          command.at,
          (guest) => this.reconnect(guest)
        )
      case "Nest":
        return this.pick(
          // Of several leases that one fiber has on one connection it is not said which one a release ends.
          this.guests.filter(({ borrower, order }) =>
            borrower.lease && order !== undefined && this.books.setting.concurrency === 1
          ),
          command.at,
          (guest) => this.nest(guest)
        )
      case "AwaitReady":
        this.awaitReady()
        return true
    }
  }

  private pick<A>(candidates: ReadonlyArray<A>, at: number, act: (candidate: A) => void): boolean {
    // The latest first: what was closed long ago is of little interest.
    const candidate = candidates[candidates.length - 1 - at % candidates.length]
    if (candidate === undefined) return false
    act(candidate)
    return true
  }

  // --- Connections and the pool -------------------------------------------------------------------------------------

  private drop(line: Line): void {
    const { books } = this
    const there = line.isOpen
    const exit = this.timeline.call(this.pool.drop(line.link))
    if (exit._tag === "Success") {
      if (!there) books.problem(`connection ${line.link.id} was dropped, which is closed`)
      books.fault(line, "Dropped")
      books.revoke(line)
    } else if (there && !books.crowded) books.problem(`connection ${line.link.id} is there and could not be dropped`)
  }

  private dropExpired(): void {
    const { books } = this
    const { hasIsExpired, idleTimeout, ttl, ttlJitter } = books.setting
    const idle = [...books.lines].filter((line) => line.isIdle)
    const expired = idle.filter((line) => books.now - line.bornAt >= ttl && line.faults.size === 0)
    const perhaps = idle.filter((line) =>
      books.now - line.bornAt >= ttl * (1 - ttlJitter) || (hasIsExpired && line.faults.has("Outdated")) ||
      books.idleFor(line) >= idleTimeout
    )
    const exit = this.timeline.call(this.pool.dropExpired)
    const dropped = Exit.isSuccess(exit) ? exit.value : -1
    if (!books.crowded && (dropped < expired.length || dropped > perhaps.length)) {
      books.problem(`dropExpired dropped ${dropped}, and should ${expired.length}`)
    }
  }

  private close(): void {
    const { books, timeline } = this
    books.closeBegins()
    timeline.fork(this.pool.close).addObserver(() => {
      books.closeDone = true
    })
  }

  private resize(min: number, max: number): void {
    const { books } = this
    const stats = Effect.runSync(this.pool.stats)
    if (!books.closing) books.resized(min, max, stats.opening + stats.idle + stats.inUse + stats.closing)
    const exit = this.timeline.call(this.pool.resize({ min, max }))
    if (Exit.isFailure(exit)) books.problem(`resize failed: ${String(exit.cause)}`)
  }

  private awaitReady(): void {
    const { books } = this
    const min = books.min
    const fiber = this.timeline.fork(this.pool.awaitReady)
    this.ready.add(fiber)
    fiber.addObserver((exit) => {
      this.ready.delete(fiber)
      const told = ["OpenFailure", "ConnectTimeoutError", "PoolClosedError"].some((tag) => isTagged(exit, tag)) ||
        (exit._tag === "Failure" && reasonOf(exit.cause) === "Die")
      if (exit._tag === "Failure" && !told) books.problem(`awaitReady failed: ${String(exit.cause)}`)
      const open = books.openLines().length
      if (exit._tag === "Success" && open < Math.min(min, books.min)) books.problem(`it is ready with ${open}`)
    })
  }

  // --- The end ------------------------------------------------------------------------------------------------------

  /** When all is well again, the pool recovers by itself, can lend all that it may have, and closes. */
  end(): void {
    this.rest()
    this.mend()
    this.giveBack()
    if (!this.books.closing) {
      this.endPause()
      this.heal()
      this.lendsAll()
    }
    this.closes()
  }

  /** From now on all goes well. */
  private mend(): void {
    for (const hook of ["open", "validate", "onRelease", "close"] as const) {
      this.next[hook].length = 0
      this.usual[hook] = "ok"
    }
  }

  private giveBack(): void {
    for (const guest of this.guests) if (guest.isHolding) this.finish(guest, "succeeds")
    this.rest()
  }

  /** Opens pause no longer: in time by themselves, and otherwise by `clear`. */
  private endPause(): void {
    const left = this.books.pause.left(this.timeline.now)
    if (left === Infinity) {
      this.do({ _tag: "Clear" })
      this.rest()
    } else if (left > 0) {
      this.timeline.pass(left, () => this.examine())
    }
  }

  private heal(): void {
    const { books } = this
    if (this.comesToRest(() => books.openLines().length >= books.min)) return
    throw new Violation("10 seconds after all is well the pool has not recovered")
  }

  /** Whether there is a moment within ten seconds at which all connections are idle, nobody waits, and this holds. */
  private comesToRest(also: () => boolean): boolean {
    const { books } = this
    const moments: Array<boolean> = []
    for (let i = 0; i < 100 && !moments.includes(true); i++) {
      this.timeline.pass(100, () => {
        this.examine()
        this.giveBack()
        moments.push(books.openLines().every((line) => line.isIdle) && books.waiting().length === 0 && also())
      })
    }
    return moments.includes(true)
  }

  /** Lends as much at once as it may; at least one lease for each connection. */
  lendsAll(): void {
    const { closeTimeout, concurrency, connectTimeout, maxPending, maxUses } = this.books.setting
    // Until nothing is left of what hung.
    this.timeline.pass(connectTimeout + closeTimeout, () => this.examine())
    if (!this.comesToRest(() => true)) throw new Violation("connections are still in use, which nobody holds")
    // Only idle connections can be lent if nobody may wait.
    if (maxPending === 0) return
    const all = this.books.max * (maxUses === Infinity ? concurrency : 1)
    const before = this.guests.at(-1)?.borrower.id ?? 0
    for (let i = 0; i < all; i++) {
      this.arrive("acquire", 2_000)
      this.rest()
    }
    this.timeline.pass(1_000, () => this.examine())
    const served = this.guests.filter((guest) => guest.borrower.id > before && guest.isHolding).length
    if (served < all) throw new Violation(`it lends ${served} of ${all}`)
    this.giveBack()
  }

  /** Closes in time, and nothing is left. */
  closes(): void {
    const { books, timeline } = this
    const { closeTimeout, connectTimeout, drainTimeout } = books.setting
    if (!books.closing) this.close()
    timeline.pass(connectTimeout + closeTimeout + drainTimeout + 1_000, () => this.examine())
    if (books.waiting().length > 0) throw new Violation("somebody still waits after the close")
    if (!books.closeDone) throw new Violation("the close has not ended")
    if (this.ready.size > 0) throw new Violation("somebody still waits for the floor after the close")
    if (timeline.asleep > 0) throw new Violation(`${timeline.asleep} still sleep after the close`)
    this.connector.end()
    timeline.settle()
  }
}
