/** The defaults of pools, and the rules of their options. */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type { Budget } from "../BudgetModel.js"
import {
  between,
  callback,
  count,
  duration,
  effect,
  flag,
  limit,
  name,
  oneOf,
  optional,
  orElse,
  record,
  schedule,
  that
} from "../checks/rules.js"
import { argument, type Rows, type Rule, Table } from "../checks/table.js"
import { fifo, type Overload, TypeId as OverloadTypeId } from "../Overload.js"
import type { PoolOptions } from "../PoolOptions.js"
import { type BudgetImpl, isBudget, type Seat } from "./budget/budget.js"
import { sooner } from "./effect/fiber.js"
import { bind, takeContext } from "./host.js"
import type { Figures } from "./protocol/figures.js"
import type { Limits, OverloadRule } from "./state.js"
import { quoted } from "./text.js"

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
  fatalPause: "30 seconds",
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

export const isAnswered: unique symbol = Symbol.for("@socketpool/core/options/isAnswered")

export const isWhole: unique symbol = Symbol.for("@socketpool/core/options/isWhole")

export const whenEnded: unique symbol = Symbol.for("@socketpool/core/options/whenEnded")

export const countsSessions: unique symbol = Symbol.for("@socketpool/core/options/countsSessions")

export const burden: unique symbol = Symbol.for("@socketpool/core/options/burden")

export const asks: unique symbol = Symbol.for("@socketpool/core/options/asks")

export const isBound: unique symbol = Symbol.for("@socketpool/core/options/isBound")

/** Asks a connection that nobody holds. */
export type Asks<C> = <A>(
  connection: C,
  question: (connection: C) => Effect.Effect<A, unknown>
) => Effect.Effect<A, unknown>

/** Options that are not public. */
export interface Internal<C> {
  /**
   * Whether a lease that ended with an answer shows that the connection works: something came back from the peer.
   * Without it, every answer does.
   */
  readonly [hasServed]?: (connection: C) => boolean
  /** Whether a lease ended with an answer. Without it, every success does, and nothing else. */
  readonly [isAnswered]?: (exit: Exit.Exit<unknown, unknown>) => boolean
  /** The rule of `onRelease`'s `"default"`, and for a connection that closes on return: whether it is in order. */
  readonly [isWhole]?: (connection: C, exit: Exit.Exit<unknown, unknown>) => boolean
  /**
   * Does what `closed` does, without a fiber for each connection: `ended` is called once the connection has ended, at
   * once if it has already, and with `"Desync"` or another reason. It may be called in the middle of anybody's step.
   */
  readonly [whenEnded]?: (connection: C, ended: (reason: string) => void) => void
  /** The counts and times of the sessions that are the pool's connections. */
  readonly [countsSessions]?: Figures
  /**
   * The work that a connection still has for leases that have ended. With `order: "fewest"` it counts like leases, and a
   * borrower that gets such a connection has the pool open another, if it may, for those that follow.
   */
  readonly [burden]?: (connection: C) => number
  /** Asks a connection a question before it is lent for the first time, as its holder would. */
  readonly [asks]?: Asks<C>
  /** Whether the hooks look after their asynchronous context themselves. */
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
  readonly isAnswered: ((exit: Exit.Exit<unknown, unknown>) => boolean) | undefined
  readonly isWhole: ((connection: C, exit: Exit.Exit<unknown, unknown>) => boolean) | undefined
  readonly isFatal: ((error: any) => boolean) | undefined
  readonly isConnected: ((connection: C) => boolean) | undefined
  readonly isExpired: ((connection: C) => boolean) | undefined
  readonly closed: ((connection: C) => Effect.Effect<unknown, unknown>) | undefined
  readonly whenEnded: ((connection: C, ended: (reason: string) => void) => void) | undefined
  readonly sessions: Figures | undefined
  readonly validate: ((connection: C) => Effect.Effect<boolean, unknown>) | undefined
  readonly lease: ((connection: C) => C) | undefined
  readonly asks: Asks<C> | undefined
  readonly onRelease:
    | ((connection: C, exit: Exit.Exit<unknown, unknown>) => Effect.Effect<"keep" | "discard" | "default">)
    | undefined
  readonly farewell: ((connection: C) => Effect.Effect<unknown, unknown>) | undefined
  readonly budget: BudgetImpl | undefined
  readonly budgetWeight: number | undefined
}

const attribute = that<string | number | boolean>(
  (value) => typeof value === "string" || typeof value === "number" || typeof value === "boolean",
  "a string, a number, true or false"
)

type Refuse = (option: any, value: unknown, rule: string) => never

/** A pool opens no more connections than it may have. */
export const fitsMax = (
  { initialConnections, maxConnections, minConnections }: Readonly<
    Record<"initialConnections" | "maxConnections" | "minConnections", number>
  >,
  refuse: Refuse
): void => {
  const rule = `at most maxConnections (${maxConnections})`
  if (minConnections > maxConnections) refuse("minConnections", minConnections, rule)
  if (initialConnections > maxConnections) refuse("initialConnections", initialConnections, rule)
}

/** A pool keeps no more connections than its budget has places for. */
export const fitsBudget = (
  { budget, budgetWeight, minConnections }: {
    readonly budget: Budget | undefined
    readonly budgetWeight: number | undefined
    readonly minConnections: number
  },
  refuse: Refuse
): void => {
  if (budget === undefined) {
    if (budgetWeight !== undefined) refuse("budgetWeight", budgetWeight, "set only together with budget")
    return
  }
  const room = (budget as BudgetImpl).roomFor(0)
  if (minConnections > room) refuse("minConnections", minConnections, ruleOf(budget, room))
}

/** One row for each option. The compiler asks for the row of a new one, and every pool of sockets gets it, too. */
export const poolOptions = new Table(
  {
    open: effect,
    name: optional(name),
    attributes: orElse(record(attribute, "an object of strings, numbers and booleans"), {}),
    maxConnections: orElse(count(1), defaults.maxConnections),
    minConnections: orElse(count(0), defaults.minConnections),
    initialConnections: orElse(count(0), defaults.initialConnections),
    maxConnecting: orElse(count(1), defaults.maxConnecting),
    maxPending: orElse(limit(0), defaults.maxPending),
    acquireTimeout: orElse(duration("0 or more"), defaults.acquireTimeout),
    connectTimeout: orElse(duration("more than 0"), defaults.connectTimeout),
    connectionTTL: orElse(duration("0 or more"), defaults.connectionTTL),
    ttlJitter: orElse(between(0, 1), defaults.ttlJitter),
    idleTimeout: orElse(duration("more than 0"), Infinity),
    maxUses: orElse(limit(1), Infinity),
    reapExpired: orElse(flag, defaults.reapExpired),
    reapSchedule: orElse(schedule, Schedule.spaced(defaults.reapInterval)),
    isConnected: optional(callback),
    isExpired: optional(callback),
    closed: optional(callback),
    validate: optional(callback),
    validateAfterIdle: orElse(duration("0 or more"), defaults.validateAfterIdle),
    validateTimeout: orElse(duration("more than 0"), defaults.validateTimeout),
    keepaliveTime: orElse(duration("more than 0"), Infinity),
    lease: optional(callback),
    onRelease: optional(callback),
    farewell: optional(callback),
    isFatal: optional(callback),
    fatalPause: orElse(duration("more than 0"), defaults.fatalPause),
    concurrency: orElse(count(1), defaults.concurrency),
    order: orElse(oneOf("lifo", "fifo", "fewest"), defaults.order),
    retry: orElse(schedule, defaultRetry),
    closeTimeout: orElse(duration("0 or more"), defaults.closeTimeout),
    drainTimeout: orElse(duration("0 or more"), defaults.drainTimeout),
    leakThreshold: orElse(duration("more than 0"), Infinity),
    overload: orElse(
      that<Overload>((value) => value instanceof Object && OverloadTypeId in value, "an Overload"),
      fifo
    ),
    budget: optional(that<Budget>(isBudget, "a Budget")),
    budgetWeight: optional(that<number>((value) => Number.isFinite(value) && value > 0, "a number of more than 0"))
  } satisfies Rows<PoolOptions<any, any, any>>,
  [
    fitsMax,
    fitsBudget,
    (options, refuse) => {
      const { connectionTTL, keepaliveTime, validate } = options
      if (keepaliveTime === Infinity) return
      // A client that asks its connections itself has no such option.
      const asksItself = !Object.hasOwn(options, "validate")
      if (validate === undefined && !asksItself) {
        refuse("keepaliveTime", keepaliveTime, "set only together with validate")
      }
      const rule = `less than connectionTTL (${connectionTTL} ms)`
      if (keepaliveTime >= connectionTTL) refuse("keepaliveTime", keepaliveTime, rule)
    }
  ]
)

/** Checks the options and fills in the defaults. */
export const resolve = <C, E, R>(given: PoolOptions<C, E, R>, defaultName: () => string): Resolved<C, E, R> => {
  const options = poolOptions.read("Pool.make", given)
  const internal: Internal<C> = Object.hasOwn(given, hasServed) ? given as Internal<C> : {}
  const context = internal[isBound] ? undefined : takeContext()
  // The hooks below are called in the middle of a borrower's step, and belong to no borrower.
  const bound = <F extends (...args: Array<any>) => any>(hook: F | undefined): F | undefined =>
    hook && bind(context, hook) as F
  return {
    ...options,
    budget: options.budget as BudgetImpl | undefined,
    isConnected: bound(options.isConnected),
    isExpired: bound(options.isExpired),
    lease: bound(options.lease),
    onRelease: bound(options.onRelease),
    isFatal: bound(options.isFatal),
    name: options.name ?? defaultName(),
    hasServed: internal[hasServed],
    isAnswered: internal[isAnswered],
    isWhole: internal[isWhole],
    whenEnded: internal[whenEnded],
    sessions: internal[countsSessions],
    burden: internal[burden],
    asks: internal[asks],
    max: options.maxConnections,
    min: options.minConnections,
    initial: options.initialConnections,
    lifo: options.order === "lifo",
    fewest: options.order === "fewest",
    overload: ruleOfOverload(options.overload)
  }
}

const ruleOfOverload = ({ intervalMillis, policy, targetMillis }: Overload): OverloadRule | undefined =>
  policy === "fifo" ? undefined : { lifo: policy === "adaptiveLifo", target: targetMillis, interval: intervalMillis }

const ruleOf = (budget: Budget, room: number): string =>
  `at most ${room}, which is what the floors of other pools leave of the budget ${quoted(budget.name)}`

const call = new Table({ timeout: duration("0 or more") })

/** Checks the options of one call and returns its timeout in milliseconds. */
export const callTimeout = (options: unknown): number => call.read("Pool.acquireWith", options).timeout

const sizes = new Table({ max: count(1), min: count(0) }, [
  ({ max, min }, refuse) => {
    if (min > max) refuse("min", min, `at most max (${max})`)
  }
])

/** Checks the argument of `resize`. An omitted limit stays. */
export const size = (
  wanted: unknown,
  present: { readonly min: number; readonly max: number },
  seat: Seat | undefined
): { readonly min: number; readonly max: number } => {
  const room = seat?.budget.roomFor(present.min) ?? Infinity
  const shared: Rule<number> = (value, at) => {
    const min = count(0)(value, at)
    return min <= room ? min : at.refuse(value, ruleOf(seat!.budget, room))
  }
  return sizes.with({
    max: orElse(count(1), present.max),
    min: orElse(shared, present.min)
  }).read("Pool.resize", wanted)
}

/** Checks the key of a service. */
export const serviceId = <const Id extends string>(id: Id): Id => argument<string>("Pool.Service", "id", name, id) as Id
