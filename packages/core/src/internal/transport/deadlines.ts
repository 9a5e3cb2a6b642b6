/** Deadlines of operations on connections. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as FiberRef from "effect/FiberRef"
import * as Runtime from "effect/Runtime"
import { Alarm } from "../alarm.js"
import { type Linked, List } from "../list.js"
import * as PoolRuntime from "../runtime.js"
import type { Holder } from "../state.js"

/** What is to be done by a deadline. */
export interface Timed extends Linked<Timed> {
  deadline: number
  readonly overdue: () => void
}

/**
 * All that wait by one clock with one timeout: their deadlines are in the order in which they came, so that one sleeping
 * fiber will do, whatever the number of operations and connections. A fiber or two for each would cost more than the
 * operation.
 */
export class Deadlines {
  private static readonly byClock = new WeakMap<Clock.Clock, Map<number, Deadlines>>()

  /** Those of a fiber's clock. */
  static of(fiber: Holder, timeout: number): Deadlines {
    const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
    let byTimeout = Deadlines.byClock.get(clock)
    if (byTimeout === undefined) {
      byTimeout = new Map()
      Deadlines.byClock.set(clock, byTimeout)
    }
    let deadlines = byTimeout.get(timeout)
    if (deadlines === undefined) {
      deadlines = new Deadlines(runtimeOf(fiber, clock), timeout, () => byTimeout.delete(timeout))
      byTimeout.set(timeout, deadlines)
    }
    return deadlines
  }

  private readonly pending = new List<Timed>()
  private readonly alarm: Alarm

  private constructor(
    private readonly runtime: PoolRuntime.PoolRuntime,
    private readonly timeout: number,
    forget: () => void
  ) {
    this.alarm = Alarm.of(runtime, this.pending, (operation) => {
      // One that has ended because another did is not in the list any more.
      if (this.pending.remove(operation)) operation.overdue()
    }, forget)
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

/** Nothing of the fiber but its time. */
const runtimeOf = (fiber: Holder, clock: Clock.Clock): PoolRuntime.PoolRuntime => {
  const timed = Runtime.setFiberRef(
    Runtime.defaultRuntime,
    DefaultServices.currentServices,
    Context.add(DefaultServices.liveServices, Clock.Clock, clock)
  )
  return PoolRuntime.make(
    "deadlines",
    Runtime.setFiberRef(timed, FiberRef.currentScheduler, fiber.currentScheduler),
    clock
  )
}
