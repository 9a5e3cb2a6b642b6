/** One wake-up on the pool's clock for a queue in the order of its deadlines. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constUndefined, constVoid } from "effect/Function"
import { type Fiber, stop } from "./effect/fiber.js"
import type { Linked, List } from "./list.js"
import type { PoolRuntime } from "./runtime.js"

/** A fiber with nothing to wait for stops after this many turns of the scheduler. */
const idleTurns = 4

/**
 * A fiber that wakes up late grants as much time again, at most this many milliseconds: the loop has turned by then.
 */
const longestGrace = 10

/** If even that time comes to an end too late by more than that, it is granted again, at most so often. */
const mostGraces = 4

/**
 * Sleeps until the next deadline and rings. At most one fiber sleeps for any number of deadlines. They are in order, so
 * a fiber that wakes up too early for the present head notices and sleeps again.
 */
export class Alarm {
  /** Makes an alarm for the nodes of one list, which stay in it until their deadline. */
  static of<N extends Linked<N> & { readonly deadline: number }>(
    runtime: PoolRuntime,
    list: List<N>,
    onDue: (node: N, now: number) => void,
    onIdle?: () => void
  ): Alarm {
    return new ListAlarm(runtime, list, onDue, onIdle)
  }

  private fiber: Fiber<void, never> | undefined = undefined
  /** The latest time until which it sleeps. */
  private until = Infinity
  /** The turns until a fiber with nothing to wait for stops, while they are counted; otherwise 0. */
  private turnsLeft = 0
  /** Made when it is first needed: a pool has a dozen alarms, and most never ring. */
  private countDown: (() => void) | undefined = undefined

  constructor(
    private readonly runtime: Pick<PoolRuntime, "fork" | "later" | "now">,
    /** The next deadline; `undefined` or `Infinity` when there is none. */
    private readonly next: () => number | undefined,
    /** Deals with the deadlines up to `until`. That moment is in the past, by the grace they were granted. */
    private readonly onRing: (now: number, until: number) => void,
    /** Runs when there has been nothing to wait for, for a while. */
    private readonly onIdle: () => void = constVoid
  ) {}

  protected due(): number | undefined {
    return this.next()
  }

  protected ring(now: number, until: number): void {
    this.onRing(now, until)
  }

  /** Call it after every change of the queue. */
  refresh(): void {
    const due = this.due() ?? Infinity
    if (due !== Infinity) {
      if (this.fiber === undefined) this.arm()
      else if (due < this.until) this.rearm()
    } else if (this.fiber !== undefined && this.turnsLeft === 0) {
      // A queue that is empty for a moment often fills again at once: a served borrower comes back, or lets in the
      // next.
      this.turnsLeft = idleTurns
      this.runtime.later(this.turn)
    }
  }

  /**
   * Does what `refresh` does, for deadlines that only grow and come and go very often. A sleeping fiber wakes up early
   * enough, and ends if there is nothing to do then. Stopping it and starting another costs as much as a hundred
   * leases.
   */
  refreshSome(): void {
    if (this.fiber === undefined) this.refresh()
  }

  private get turn(): () => void {
    return this.countDown ??= () => this.passTurn()
  }

  private passTurn(): void {
    if (--this.turnsLeft > 0) return this.runtime.later(this.turn)
    if (this.fiber === undefined || (this.due() ?? Infinity) !== Infinity) return
    this.disarm()
    this.onIdle()
  }

  /** Starts again for an earlier deadline: a waiter that returns to its place can be due before later arrivals. */
  private rearm(): void {
    this.disarm()
    this.arm()
  }

  private disarm(): void {
    const { fiber } = this
    this.fiber = undefined
    stop(fiber)
  }

  private arm(): void {
    const fiber = this.runtime.fork(this.watch(Infinity))
    this.fiber = fiber
    // The fiber sets this as soon as it runs.
    this.until = -Infinity
    fiber.addObserver(() => {
      if (this.fiber !== fiber) return
      this.fiber = undefined
      if ((this.due() ?? Infinity) === Infinity) this.onIdle()
      else this.arm()
    })
  }

  /**
   * Waits for the next deadline. The fiber should have woken up at `planned`. The deadlines that are due now have been
   * granted `graces` already.
   */
  private watch(planned: number, graces = 0): Effect.Effect<void> {
    return Effect.suspend(() => {
      const due = this.due() ?? Infinity
      if (due === Infinity) return Effect.void
      const now = this.runtime.now()
      this.until = due
      const sleep = (millis: number) => Effect.as(Effect.sleep(Duration.millis(millis)), now + millis)
      if (due > now) return Effect.flatMap(sleep(Math.ceil(due - now)), (next) => this.watch(next))
      // After a stall of the event loop, timers fire before input that arrived meanwhile is read, and a timer started
      // then can fire at once, too. So deadlines that are due now get some grace. Deadlines that fall due during it get
      // their own.
      return Effect.flatMap(sleep(Math.min(Math.max(0, now - planned), longestGrace)), (next) => {
        const awake = this.runtime.now()
        // The process has stood still again, and may have read nothing yet.
        if (awake - next > longestGrace && graces + 1 < mostGraces) return this.watch(next, graces + 1)
        this.ring(awake, now)
        return this.watch(next)
      })
    })
  }
}

/** It needs no closures of its own. */
class ListAlarm<N extends Linked<N> & { readonly deadline: number }> extends Alarm {
  constructor(
    runtime: Pick<PoolRuntime, "fork" | "later" | "now">,
    private readonly list: List<N>,
    private readonly onDue: (node: N, now: number) => void,
    onIdle?: () => void
  ) {
    super(runtime, constUndefined, constVoid, onIdle)
  }

  protected override due(): number | undefined {
    return this.list.head?.deadline
  }

  protected override ring(now: number, until: number): void {
    for (const node of this.list) {
      if (node.deadline > until) break
      this.onDue(node, now)
    }
  }
}
