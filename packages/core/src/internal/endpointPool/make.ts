/** Makes pools of endpoints. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { between, callback, count, duration, optional, orElse, that } from "../../checks/rules.js"
import { type Rows, Table } from "../../checks/table.js"
import type { ConnectionPool } from "../../ConnectionPool.js"
import type { CompleteEndpoint, Endpoint } from "../../Endpoint.js"
import type { EndpointOptions, EndpointPool, Options, PoolsOptions } from "../../EndpointPoolModel.js"
import { BudgetImpl } from "../budget/budget.js"
import {
  acquireForgettable,
  currentClock,
  firstError,
  metricTags,
  runNow,
  type Surroundings,
  surroundings,
  withoutSpan,
  withScope
} from "../effect/fiber.js"
import { isStream } from "../effect/stream.js"
import { Engine } from "../engine.js"
import { isError } from "../errorForms.js"
import { bind, takeContext } from "../host.js"
import { fitsBudget, fitsMax, poolOptions, resolve } from "../options.js"
import * as Registry from "../registry.js"
import * as PoolRuntime from "../runtime.js"
import * as Whole from "../transitions/whole.js"
import { Group, type Share } from "./group.js"
import { drawFrom } from "./pick.js"
import { EndpointPoolImpl } from "./view.js"

/** By default a lease fails if the connection did, unless the caller itself has ended it. */
const failsByDefault = (exit: Exit.Exit<unknown, unknown>): boolean => {
  if (Exit.isSuccess(exit)) return false
  const error = firstError(exit.cause)
  if (error._tag === "None" || !isError(error.value, "ConnectionError")) return false
  const { reason } = error.value as { readonly reason: string }
  return reason !== "Closed" && reason !== "Released"
}

export const endpointOptions = {
  endpoints: that<Stream.Stream<ReadonlyArray<Endpoint>, unknown>>(isStream, "a Stream of sets of endpoints"),
  maxConnections: poolOptions.rules.maxConnections,
  maxConnectionsPerEndpoint: optional(count(1)),
  ejectAfter: orElse(count(1), 3),
  ejectionTime: orElse(duration("more than 0"), "10 seconds"),
  maxEjected: orElse(between(0, 1), 0.5),
  slowStart: orElse(duration("0 or more"), "10 seconds"),
  rebalance: orElse(duration("more than 0"), "1 second"),
  isFailure: orElse(callback, failsByDefault),
  probe: optional(callback),
  probeInterval: optional(duration("more than 0"))
} satisfies Rows<EndpointOptions<any>>

/** An interval without a question changes nothing. A client that asks the question itself has no option `probe`. */
export const intervalNeedsProbe = (
  options: { readonly probe?: unknown; readonly probeInterval: number | undefined },
  refuse: (option: "probeInterval", value: unknown, rule: string) => never
): void => {
  const { probe, probeInterval } = options
  if (Object.hasOwn(options, "probe") && probe === undefined && probeInterval !== undefined) {
    refuse("probeInterval", probeInterval, "set only together with probe")
  }
}

const probeMillis = 10_000

/** The options that belong to the whole, and not to the pool of each endpoint: its share sets the maximum of each. */
const ofWhole = Object.keys(endpointOptions) as ReadonlyArray<keyof typeof endpointOptions>

const withEndpoints = poolOptions.with({ ...endpointOptions, open: callback }, intervalNeedsProbe)

const fromPoolsOptions = new Table({
  ...endpointOptions,
  make: callback,
  name: poolOptions.rules.name,
  attributes: poolOptions.rules.attributes,
  minConnections: poolOptions.rules.minConnections,
  initialConnections: poolOptions.rules.initialConnections,
  maxPending: poolOptions.rules.maxPending,
  acquireTimeout: poolOptions.rules.acquireTimeout,
  drainTimeout: poolOptions.rules.drainTimeout,
  concurrency: poolOptions.rules.concurrency,
  budget: poolOptions.rules.budget,
  budgetWeight: poolOptions.rules.budgetWeight
}, [fitsMax, fitsBudget, intervalNeedsProbe])

type Checked = ReturnType<typeof fromPoolsOptions.read>

type MakeOf<C, E, R> = (
  endpoint: () => CompleteEndpoint,
  share: Share
) => Effect.Effect<ConnectionPool<C, E>, never, R>

export const make = <C, E, R>(
  options: Options<C, E, any, any>,
  makePool: (options: object) => Effect.Effect<ConnectionPool<C, E>, never, R>
): Effect.Effect<EndpointPool<C, E>, never, R | Scope.Scope> =>
  made<C, E, R>(() => {
    const checked = withEndpoints.read("EndpointPool.make", options)
    const common = withEndpoints.without(...ofWhole, "open", "budget", "budgetWeight").pick(checked)
    const open = bind(takeContext(), checked.open)
    const makeOf: MakeOf<C, E, R> = (endpoint, share) =>
      makePool({ ...common, ...share, open: Effect.suspend(() => open(endpoint())) })
    return { checked: { ...checked, make: makeOf }, makeOf }
  })

export const fromPools = <C, E, R>(
  options: PoolsOptions<C, E, any, any>
): Effect.Effect<EndpointPool<C, E>, never, R | Scope.Scope> =>
  made<C, E, R>(() => {
    const checked = fromPoolsOptions.read("EndpointPool.fromPools", options)
    return { checked, makeOf: (endpoint, share) => checked.make(endpoint(), share) }
  })

const made = <C, E, R>(
  read: () => { readonly checked: Checked; readonly makeOf: MakeOf<C, E, R> }
): Effect.Effect<EndpointPool<C, E>, never, R | Scope.Scope> =>
  Effect.flatMap(
    surroundings<R>(),
    (given) =>
      Effect.flatMap(currentClock, (clock: Clock.Clock) =>
        Effect.flatMap(Random.nextIntBetween(0, 2 ** 31), (seed) =>
          acquireForgettable<EndpointPool<C, E>>((forget) => {
            const { checked, makeOf } = read()
            const name = checked.name ?? Registry.freeName()
            const around = withoutSpan(given)
            const context = takeContext()
            const runtime = PoolRuntime.make(name, around as Surroundings<never>, clock, context)
            const budget = new BudgetImpl(name, checked.maxConnections, 1_000, runtime)
            if (checked.budget !== undefined) {
              budget.nestIn(checked.budget as BudgetImpl, checked.budgetWeight ?? 1)
            }
            // Every pool closes itself; the scope only takes their finalizers.
            const scope = Effect.runSync(Scope.make())
            const inScope = withScope(around, scope) as Surroundings<R>
            const poolFor = bind(context, (endpoint: () => CompleteEndpoint, share: Share) => {
              try {
                return runNow(inScope, makeOf(endpoint, share))
              } catch (defect) {
                return Exit.die(defect)
              }
            })
            const lobby = lobbyOf<C, E>(name, checked, around as Surroundings<never>, clock)
            const isFailure = bind(context, checked.isFailure)
            const roles = checked.probe &&
              { probe: bind(context, checked.probe), probeInterval: checked.probeInterval ?? probeMillis }
            const group: Group<C, E> = new Group<C, E>(
              { ...checked, name, isFailure, roles },
              budget,
              runtime,
              lobby,
              drawFrom(seed),
              poolFor,
              () =>
                Registry.leave(lobby.state)
            )
            const pool = new EndpointPoolImpl<C, E>(group, forget)
            budget.owner = pool
            Registry.enterEndpoints(pool, lobby.state, () => runtime.now(), metricTags(around))
            return { value: pool, close: pool.close }
          })))
  ) as Effect.Effect<EndpointPool<C, E>, never, R | Scope.Scope>

/** A pool that opens nothing, with the queue of those who wait for the first set. */
const lobbyOf = <C, E>(
  name: string,
  { acquireTimeout, attributes, concurrency, drainTimeout, maxConnections, maxPending }: Checked,
  around: Surroundings<never>,
  clock: Clock.Clock
): Engine<C, E> => {
  const options = resolve<C, E, never>(
    {
      open: Effect.never,
      name,
      acquireTimeout,
      attributes,
      concurrency,
      drainTimeout,
      maxConnections,
      maxPending
    },
    () => name
  )
  const lobby = new Engine<C, E>(options, around, clock, () => {})
  lobby.run(Whole.allot(lobby.state, 0, lobby.now()))
  return lobby
}
