/** What a pool lends to its parts: its clock, and fibers that start from the context it was built in. */
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
  /** Milliseconds, from the clock's monotonic side: only differences mean anything, and a wall clock moves nothing. */
  readonly now: () => number
  /** Milliseconds since 1970, for people. */
  readonly wallTime: () => number
  /** Starts a fiber of the pool's, with nothing of the caller's: no span, no annotation, no interruption. */
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.RuntimeFiber<A, E>
  /** Runs a task in a later turn of the scheduler. */
  readonly later: (task: () => void) => void
  /** Logs what nobody else hears of, and what it is about: a healthy pool is silent. */
  readonly warn: Log
  /** Logs that something that was warned of is over. */
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

/** The builder may have been masked; its pool's fibers are not. (That it was interrupted, no fiber inherits.) */
const interruptible = (runtime: Runtime.Runtime<never>): Runtime.Runtime<never> =>
  Runtime.make({
    context: runtime.context,
    fiberRefs: runtime.fiberRefs,
    runtimeFlags: RuntimeFlags.enable(runtime.runtimeFlags, RuntimeFlags.Interruption)
  })
