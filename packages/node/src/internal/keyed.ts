/** Keyed pools of sockets, by host and port. */
import { type Rows, rules, Table } from "@socketpool/core/Checks"
import * as KeyedPool from "@socketpool/core/KeyedPool"
import type { ConnectionPool } from "@socketpool/core/Pool"
import * as Effect from "effect/Effect"
import type { Peer } from "../Peer.js"

/** `KeyedPool.fromPools` has the rules of these. */
const unchecked = rules.that<any>(() => true, "anything")
const ofKeys = {
  maxConnectionsPerKey: unchecked,
  maxKeys: unchecked,
  keyIdleTimeout: unchecked,
  weight: unchecked,
  label: unchecked,
  maxLabels: unchecked
} satisfies Rows<
  Omit<KeyedPool.PoolsOptions<Peer, any, any, any>, "make" | "identify" | "name" | "maxConnections" | "budget">
>
const ofAll = [...Object.keys(ofKeys), "name", "maxConnections", "budget"]

/** Makes a keyed pool whose pools take the options of `table`. They are read, and checked, once for all keys. */
export const keyedBy = <C>(
  of: string,
  table: Table<any>,
  make: (read: () => any) => Effect.Effect<ConnectionPool<C, any>, never, any>,
  given: unknown
): Effect.Effect<KeyedPool.KeyedPool<Peer, C, any>, never, any> =>
  Effect.suspend(() => {
    const options: Record<string, unknown> = table.without("host", "port", "budgetWeight").with(ofKeys).read(of, given)
    const peer = new Table<Peer>({ host: table.rules.host!, port: table.rules.port! })
    return KeyedPool.fromPools<Peer, C, any, any>({
      ...Object.fromEntries(ofAll.map((name) => [name, options[name]])),
      identify: ({ host, port }) => `${host}:${port}`,
      make: (key, share) => make(() => ({ ...options, ...peer.read(of, key), ...share }))
    })
  })
