/** The services of a pool's parts: a clock, a log, and fibers that start from the context the pool was built in. */
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { printableCause } from "./describe.js"
import { type Executor, executor, log, monotonicMillis, type Surroundings, wallMillis } from "./effect/fiber.js"
import { line, quoted } from "./text.js"

import type { AsyncContext } from "./host.js"

export interface PoolRuntime extends Executor {
  /**
   * Milliseconds of the clock's monotonic side. Only differences mean anything; changes of the wall clock do not
   * matter.
   */
  readonly now: () => number
  /** Milliseconds since 1970, for logs and events. */
  readonly wallTime: () => number
  /** Logs a failure that no caller sees. A healthy pool is silent. */
  readonly warn: Log
  /** Logs the end of a condition that was warned about. */
  readonly inform: Log
}

type Log = (message: string, cause: Cause.Cause<unknown>, slot?: { readonly id: number }) => void

export const make = (
  name: string,
  surroundings: Surroundings<never>,
  clock: Clock.Clock,
  context: AsyncContext | undefined
): PoolRuntime => {
  const { fork, forkQuietly, later } = executor(surroundings, context)
  const logAt = (level: "warn" | "info"): Log => (message, cause, slot) =>
    void fork(Effect.annotateLogs(log(level, `Pool ${quoted(name)}: ${message}`, printableCause(cause)), {
      module: "socketpool",
      pool: line(name),
      ...(slot === undefined ? {} : { connectionId: slot.id })
    }))
  return {
    now: () => monotonicMillis(clock),
    wallTime: () => wallMillis(clock),
    fork,
    forkQuietly,
    later,
    warn: logAt("warn"),
    inform: logAt("info")
  }
}
