/** The services of a pool's parts: a clock, a log, and fibers that start from the context the pool was built in. */
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as LogLevel from "effect/LogLevel"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"

export interface PoolRuntime {
  /**
   * Milliseconds of the clock's monotonic side. Only differences mean anything; changes of the wall clock do not
   * matter.
   */
  readonly now: () => number
  /** Milliseconds since 1970, for logs and events. */
  readonly wallTime: () => number
  /** Starts a fiber of the pool. It inherits no span, annotation or interruption from the caller. */
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.RuntimeFiber<A, E>
  /** Runs a task in a later turn of the scheduler. */
  readonly later: (task: () => void) => void
  /** Logs a failure that no caller sees, and the connection it concerns. A healthy pool logs nothing. */
  readonly warn: Log
  /** Logs the end of something that was warned of. */
  readonly inform: Log
}

type Log = (message: string, cause: Cause.Cause<unknown>, slot?: { readonly id: number }) => void

/** Stops a fiber without waiting for it. */
export const stop = (fiber: Fiber.RuntimeFiber<any, any> | undefined): void =>
  fiber?.unsafeInterruptAsFork(FiberId.none)

export const make = (name: string, runtime: Runtime.Runtime<never>, clock: Clock.Clock): PoolRuntime => {
  const own = interruptible(runtime)
  const scheduler = FiberRefs.getOrDefault(own.fiberRefs, FiberRef.currentScheduler)
  const log = (level: LogLevel.LogLevel): Log => (message, cause, slot) =>
    void fork(Effect.annotateLogs(Effect.logWithLevel(level, `Pool "${name}": ${message}`, cause), {
      module: "socketpool",
      pool: name,
      ...(slot === undefined ? {} : { connectionId: slot.id })
    }))
  const fork: PoolRuntime["fork"] = (effect) => Runtime.runFork(own, effect, { immediate: false })
  return {
    now: () => Number(clock.unsafeCurrentTimeNanos()) / 1e6,
    wallTime: () => clock.unsafeCurrentTimeMillis(),
    fork,
    later: (task) => scheduler.scheduleTask(task, 0),
    warn: log(LogLevel.Warning),
    inform: log(LogLevel.Info)
  }
}

/** A pool may be made in an uninterruptible region; its fibers are interruptible. (No fiber inherits an interrupt.) */
const interruptible = (runtime: Runtime.Runtime<never>): Runtime.Runtime<never> =>
  Runtime.make({
    context: runtime.context,
    fiberRefs: runtime.fiberRefs,
    runtimeFlags: RuntimeFlags.enable(runtime.runtimeFlags, RuntimeFlags.Interruption)
  })
