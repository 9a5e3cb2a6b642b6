/** Deadlines of operations on connections. */
import type * as Clock from "effect/Clock"
import { Alarm } from "../alarm.js"
import { clockOf, type Holder, onlyTime, schedulerOf } from "../effect/fiber.js"
import { rootContext } from "../host.js"
import { type Linked, List } from "../list.js"
import * as PoolRuntime from "../runtime.js"

/** An operation with a deadline. */
export interface Timed extends Linked<Timed> {
  deadline: number
  readonly onTimeout: () => void
}

/** The deadline of one operation. */
export class Timer implements Timed {
  prev: Timed | undefined = undefined
  next: Timed | undefined = undefined
  list: List<any> | undefined = undefined
  deadline = Infinity
  private readonly deadlines: Deadlines

  constructor(fiber: Holder, timeout: number, protected readonly operation: { readonly tooLate: () => void }) {
    this.deadlines = Deadlines.of(fiber, timeout)
    this.deadlines.add(this)
  }

  stop(): void {
    this.deadlines.remove(this)
  }

  onTimeout(): void {
    this.operation.tooLate()
  }
}

/** Distinct timeouts whose objects are kept for the next operation, per clock. */
const keptIdle = 16

/** The deadlines of one clock, by timeout in milliseconds. */
type ByTimeout = Map<number, Deadlines>

/**
 * The deadlines of all operations with one clock and one timeout. They are in the order of arrival, so one sleeping
 * fiber serves any number of operations and connections. A fiber for each would cost more than the operation.
 */
export class Deadlines {
  private static readonly byScheduler = new WeakMap<object, WeakMap<Clock.Clock, ByTimeout>>()

  /** Returns the deadlines of a fiber's clock. */
  static of(fiber: Holder, timeout: number): Deadlines {
    const clock = clockOf(fiber)
    const scheduler = schedulerOf(fiber)
    let byClock = Deadlines.byScheduler.get(scheduler)
    if (byClock === undefined) Deadlines.byScheduler.set(scheduler, byClock = new WeakMap())
    let byTimeout = byClock.get(clock)
    if (byTimeout === undefined) byClock.set(clock, byTimeout = new Map())
    return byTimeout.get(timeout) ?? Deadlines.make(fiber, clock, byTimeout, timeout)
  }

  private static make(fiber: Holder, clock: Clock.Clock, byTimeout: ByTimeout, timeout: number): Deadlines {
    const deadlines = new Deadlines(
      PoolRuntime.make("deadlines", onlyTime(fiber, clock), clock, rootContext),
      timeout,
      () => {
        // A lone request after the other finds its object again; a program that computes timeouts does not pile them up.
        if (byTimeout.size > keptIdle) byTimeout.delete(timeout)
      }
    )
    byTimeout.set(timeout, deadlines)
    return deadlines
  }

  private readonly pending = new List<Timed>()
  private readonly alarm: Alarm

  private constructor(
    private readonly runtime: PoolRuntime.PoolRuntime,
    private readonly timeout: number,
    onIdle: () => void
  ) {
    this.alarm = Alarm.of(runtime, this.pending, (operation) => {
      // An operation that has ended because another did is not in the list any more.
      if (this.pending.remove(operation)) operation.onTimeout()
    }, onIdle)
  }

  add(operation: Timed): void {
    operation.deadline = this.runtime.now() + this.timeout
    this.pending.push(operation)
    this.alarm.refresh()
  }

  remove(operation: Timed): void {
    if (this.pending.remove(operation)) this.alarm.refresh()
  }
}
