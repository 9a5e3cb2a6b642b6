/** Pools of sockets to several servers that do the same. */
import type { Rows, Table } from "@socketpool/core/Checks"
import { rules } from "@socketpool/core/Checks"
import type { CompleteEndpoint } from "@socketpool/core/Endpoint"
import * as EndpointPool from "@socketpool/core/EndpointPool"
import type { ConnectionPool } from "@socketpool/core/Pool"
import * as Effect from "effect/Effect"

/** `EndpointPool.fromPools` has the rules of these. */
const unchecked = rules.that<any>(() => true, "anything")
const ofEndpoints = {
  endpoints: unchecked,
  maxConnectionsPerEndpoint: unchecked,
  ejectAfter: unchecked,
  ejectionTime: unchecked,
  maxEjected: unchecked,
  slowStart: unchecked,
  rebalance: unchecked,
  isFailure: unchecked,
  probe: unchecked,
  probeInterval: unchecked
} satisfies Rows<Omit<EndpointPool.EndpointOptions<any>, "maxConnections">>
const ofAll = [
  ...Object.keys(ofEndpoints),
  "name",
  "attributes",
  "maxConnections",
  "minConnections",
  "initialConnections",
  "maxPending",
  "acquireTimeout",
  "drainTimeout",
  "concurrency",
  "budget",
  "budgetWeight"
]

/** Makes a pool of endpoints whose pools take the options of `table`. They are read, and checked, once for all. */
export const endpointsBy = <C>(
  of: string,
  table: Table<any>,
  make: (read: () => any) => Effect.Effect<ConnectionPool<C, any>, never, any>,
  /** The options that depend on the endpoint, besides host and port. */
  more: (endpoint: CompleteEndpoint, options: Record<string, unknown>) => object,
  given: unknown
): Effect.Effect<EndpointPool.EndpointPool<C, any>, never, any> =>
  Effect.suspend(() => {
    const options: Record<string, unknown> = table.without("host", "port").with(ofEndpoints).read(of, given)
    return EndpointPool.fromPools<C, any, any>({
      ...Object.fromEntries(ofAll.filter((name) => name in options).map((name) => [name, options[name]])),
      make: (endpoint: CompleteEndpoint, share: EndpointPool.EndpointShare) =>
        make(() => ({ ...options, host: endpoint.host, port: endpoint.port, ...more(endpoint, options), ...share }))
    } as EndpointPool.PoolsOptions<C, any, any>)
  })
