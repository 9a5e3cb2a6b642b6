/** The defaults, and the one place that checks options. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type { PoolOptions } from "../PoolOptions.js"
import { own, reject as rejectValue, wholeNumber } from "./checks.js"
import { sooner } from "./effect/fiber.js"
import type { DurationInput } from "./effect/value.js"
import { bind, currentContext } from "./host.js"
import type { Limits } from "./state.js"

export const defaults = {
  maxConnections: 200,
  minConnections: 0,
  initialConnections: 0,
  maxConnecting: 4,
  maxPending: 10_000,
  acquireTimeout: "10 seconds",
  connectTimeout: "5 seconds",
  connectionTTL: "600 seconds",
  ttlJitter: 0.1,
  reapExpired: true,
  reapInterval: "180 seconds",
  closeTimeout: "5 seconds",
  drainTimeout: "10 seconds",
  validateAfterIdle: "1 second",
  validateTimeout: "2 seconds",
  concurrency: 1,
  order: "lifo"
} as const

/** From 100 ms to 20 s, doubling, each ±20 %, so that a fleet does not come back in step after an outage. */
export const defaultRetry: Schedule.Schedule<unknown> = Schedule.jittered(
  sooner(Schedule.exponential("100 millis"), Schedule.spaced("20 seconds"))
)

/** The keys of options that only pools of ours set. */
export const hasServed: unique symbol = Symbol.for("@socketpool/core/options/hasServed")

export const isBound: unique symbol = Symbol.for("@socketpool/core/options/isBound")

/** Options that are not public. */
export interface Internal<C> {
  /**
   * Whether a lease that ended in success shows that the connection works: something came back from the peer. Without
   * it, every success does.
   */
  readonly [hasServed]?: (connection: C) => boolean
  /** Whether `isConnected`, `isExpired`, `lease` and `onRelease` look after their asynchronous context themselves. */
  readonly [isBound]?: true
}

/** Checked options: nothing is missing, and durations are in milliseconds. */
export interface Resolved<C, E, R> extends Limits {
  readonly open: Effect.Effect<C, E, R>
  readonly name: string
  readonly attributes: Readonly<Record<string, string | number | boolean>>
  readonly maxPending: number
  readonly acquireTimeout: number
  readonly connectionTTL: number
  readonly ttlJitter: number
  readonly validateAfterIdle: number
  readonly leakThreshold: number
  readonly drainTimeout: number
  readonly reapExpired: boolean
  readonly reapSchedule: Schedule.Schedule<unknown>
  readonly retry: Schedule.Schedule<unknown, E>
  readonly hasServed: ((connection: C) => boolean) | undefined
  readonly isConnected: ((connection: C) => boolean) | undefined
  readonly isExpired: ((connection: C) => boolean) | undefined
  readonly closed: ((connection: C) => Effect.Effect<unknown, unknown>) | undefined
  readonly validate: ((connection: C) => Effect.Effect<boolean, unknown>) | undefined
  readonly lease: ((connection: C) => C) | undefined
  readonly onRelease:
    | ((connection: C, exit: Exit.Exit<unknown, unknown>) => Effect.Effect<"keep" | "discard">)
    | undefined
}

const show = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value === "object" && value !== null) return Duration.isDuration(value) ? String(value) : "an object"
  return String(value)
}

const reject = (option: string, value: unknown, rule: string, where = "Pool.make"): never =>
  rejectValue(where, option, value, rule, show)

const count = (option: string, value: unknown, least: number, where = "Pool.make"): number =>
  wholeNumber(where, option, value, least, Infinity, show)

/** Checks a count that may be omitted or `Infinity`, for no limit. */
const countOrNone = (option: string, value: unknown, least: number): number =>
  value === undefined || value === Infinity ? Infinity : count(option, value, least)

/** Returns whether a duration is negative. `Duration.decode` would silently take it for zero. */
const isNegative = (value: unknown): boolean =>
  typeof value === "number" || typeof value === "bigint" ?
    value < 0 :
    typeof value === "string" ?
    value.trimStart().startsWith("-") :
    Array.isArray(value) && value.some((part) => part < 0)

/** Checks a duration and returns it in milliseconds. */
export const millis = (
  option: string,
  value: DurationInput,
  above: "0 or more" | "more than 0",
  where?: string
): number => {
  const rule = `a duration of ${above}`
  if (Number.isNaN(value) || isNegative(value)) reject(option, value, rule, where)
  let decoded: number
  try {
    decoded = Duration.toMillis(value)
  } catch {
    return reject(option, value, rule, where)
  }
  return Number.isNaN(decoded) || (decoded === 0 && above === "more than 0")
    ? reject(option, value, rule, where)
    : decoded
}

const check = (ok: boolean, option: string, value: unknown, rule: string, where?: string): void => {
  if (!ok) reject(option, value, rule, where)
}

const isOptionalFunction = (value: unknown): boolean => value === undefined || typeof value === "function"

/**
 * Checks the options and fills in the defaults. Throws a `RangeError` that names the option, the value and the rule.
 */
export const resolve = <C, E, R>(given: PoolOptions<C, E, R>, defaultName: () => string): Resolved<C, E, R> => {
  const options = own(given)
  const context = (given as Internal<C>)[isBound] ? undefined : currentContext()
  // They are called in the middle of a borrower's step, and belong to no borrower.
  const bound = <F extends (...args: Array<any>) => any>(hook: F | undefined): F | undefined =>
    hook && bind(context, hook) as F
  check(Effect.isEffect(options.open), "open", options.open, "an Effect")
  const max = count("maxConnections", options.maxConnections ?? defaults.maxConnections, 1)
  const min = count("minConnections", options.minConnections ?? defaults.minConnections, 0)
  const initial = count("initialConnections", options.initialConnections ?? defaults.initialConnections, 0)
  check(min <= max, "minConnections", min, `at most maxConnections (${max})`)
  check(initial <= max, "initialConnections", initial, `at most maxConnections (${max})`)
  const maxConnecting = count("maxConnecting", options.maxConnecting ?? defaults.maxConnecting, 1)
  const maxPending = countOrNone("maxPending", options.maxPending ?? defaults.maxPending, 0)
  const order = options.order ?? defaults.order
  check(order === "lifo" || order === "fifo", "order", order, `"lifo" or "fifo"`)
  const name = options.name ?? defaultName()
  check(typeof name === "string" && name.length > 0, "name", name, "a string that is not empty")
  const attributes = own(options.attributes ?? {})
  for (const [key, value] of Object.entries(attributes)) {
    check(
      typeof value === "string" || typeof value === "number" || typeof value === "boolean",
      `attributes["${key}"]`,
      value,
      "a string, a number, true or false"
    )
  }
  const reapExpired = options.reapExpired ?? defaults.reapExpired
  check(typeof reapExpired === "boolean", "reapExpired", reapExpired, "true or false")
  for (const hook of ["isConnected", "isExpired", "closed", "validate", "lease", "onRelease"] as const) {
    check(isOptionalFunction(options[hook]), hook, options[hook], "a function")
  }
  const ttlJitter = options.ttlJitter ?? defaults.ttlJitter
  check(typeof ttlJitter === "number" && ttlJitter >= 0 && ttlJitter <= 1, "ttlJitter", ttlJitter, "from 0 to 1")
  for (const schedule of ["reapSchedule", "retry"] as const) {
    const value = options[schedule]
    check(value === undefined || Schedule.isSchedule(value), schedule, value, "a Schedule")
  }

  return {
    open: options.open as Effect.Effect<C, E, R>,
    name,
    attributes,
    max,
    min,
    initial,
    maxConnecting,
    maxPending,
    lifo: order === "lifo",
    concurrency: count("concurrency", options.concurrency ?? defaults.concurrency, 1),
    maxUses: countOrNone("maxUses", options.maxUses, 1),
    acquireTimeout: millis("acquireTimeout", options.acquireTimeout ?? defaults.acquireTimeout, "0 or more"),
    connectTimeout: millis("connectTimeout", options.connectTimeout ?? defaults.connectTimeout, "more than 0"),
    connectionTTL: millis("connectionTTL", options.connectionTTL ?? defaults.connectionTTL, "0 or more"),
    ttlJitter,
    idleTimeout: millis("idleTimeout", options.idleTimeout ?? Infinity, "more than 0"),
    validateAfterIdle: millis(
      "validateAfterIdle",
      options.validateAfterIdle ?? defaults.validateAfterIdle,
      "0 or more"
    ),
    validateTimeout: millis("validateTimeout", options.validateTimeout ?? defaults.validateTimeout, "more than 0"),
    leakThreshold: millis("leakThreshold", options.leakThreshold ?? Infinity, "more than 0"),
    closeTimeout: millis("closeTimeout", options.closeTimeout ?? defaults.closeTimeout, "0 or more"),
    drainTimeout: millis("drainTimeout", options.drainTimeout ?? defaults.drainTimeout, "0 or more"),
    reapExpired,
    reapSchedule: options.reapSchedule ?? Schedule.spaced(defaults.reapInterval),
    retry: options.retry ?? defaultRetry,
    hasServed: (given as Internal<C>)[hasServed],
    isConnected: bound(options.isConnected),
    isExpired: bound(options.isExpired),
    closed: options.closed,
    validate: options.validate,
    lease: bound(options.lease),
    onRelease: bound(options.onRelease)
  }
}

/** Checks the timeout of one call and returns it in milliseconds. */
export const callTimeout = (value: DurationInput): number => millis("timeout", value, "0 or more", "Pool.acquireWith")

/** Checks the argument of `resize`. An omitted limit stays. */
export const size = (
  wanted: { readonly min?: number; readonly max?: number },
  present: { readonly min: number; readonly max: number }
): { readonly min: number; readonly max: number } => {
  const where = "Pool.resize"
  const given = own(wanted)
  const max = count("max", given.max ?? present.max, 1, where)
  const min = count("min", given.min ?? present.min, 0, where)
  check(min <= max, "min", min, `at most max (${max})`, where)
  return { min, max }
}
