/** The accessors of pools as services. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { ConnectionPool } from "../ConnectionPool.js"
import { streamOf } from "./effect/stream.js"

type Use<Self> = (f: (connection: any) => Effect.Effect<any, any, any>) => Effect.Effect<any, any, Self>

/** The accessors of a tag whose service is a pool, all but `layer`. */
export const accessorsOf = <Self>(service: Context.Tag<Self, any>) => {
  const tag = service as unknown as Effect.Effect<ConnectionPool<any, any>, never, Self>
  const use: Use<Self> = (f) => Effect.flatMap(tag, (pool) => pool.use(f))
  const useExclusive: Use<Self> = (f) => Effect.flatMap(tag, (pool) => pool.useExclusive(f))
  return {
    connection: Effect.flatMap(tag, (pool) => pool.get),
    use,
    exclusive: Effect.flatMap(tag, (pool) => pool.exclusive),
    useExclusive,
    acquire: Effect.flatMap(tag, (pool) => pool.acquire),
    acquireWith: (options: Parameters<ConnectionPool<any, any>["acquireWith"]>[0]) =>
      Effect.flatMap(tag, (pool) => pool.acquireWith(options)),
    release: (connection: any) => Effect.flatMap(tag, (pool) => pool.release(connection)),
    drop: (connection: any) => Effect.flatMap(tag, (pool) => pool.drop(connection)),
    dropById: (connectionId: number) => Effect.flatMap(tag, (pool) => pool.dropById(connectionId)),
    reconnect: (connection: any) => Effect.flatMap(tag, (pool) => pool.reconnect(connection)),
    invalidate: (connection: any) => Effect.flatMap(tag, (pool) => pool.invalidate(connection)),
    dropExpired: Effect.flatMap(tag, (pool) => pool.dropExpired),
    clear: Effect.flatMap(tag, (pool) => pool.clear),
    resize: (size: Parameters<ConnectionPool<any, any>["resize"]>[0]) =>
      Effect.flatMap(tag, (pool) => pool.resize(size)),
    awaitReady: Effect.flatMap(tag, (pool) => pool.awaitReady),
    close: Effect.flatMap(tag, (pool) => pool.close),
    size: Effect.flatMap(tag, (pool) => pool.size),
    stats: Effect.flatMap(tag, (pool) => pool.stats),
    events: streamOf(Effect.map(tag, (pool) => pool.events)),
    notices: streamOf(Effect.map(tag, (pool) => pool.notices)),
    leases: Effect.flatMap(tag, (pool) => pool.leases),
    advise: Effect.flatMap(tag, (pool) => pool.advise)
  }
}
