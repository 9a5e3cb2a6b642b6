/** Pools for keys: one borrower leases a connection of a random key, of as many keys as the pool has connections. */
import { type ConnectionPool, KeyedPool, Pool } from "@socketpool/core"
import { Duration, Effect, KeyedPool as EffectKeyedPool, Pool as EffectPool, RcMap, Scope } from "effect"
import { createPool as createGenericPool } from "generic-pool"
import { type Lending, type Subject, type Thing, things } from "../subject.js"
import { version } from "../versions.js"
import { type Lease, lending, made, open } from "./effects.js"
import { lending as promiseLending } from "./promises.js"

/** Returns keys, of this number, in an order that no cache foresees, and that is the same in every run. */
const keysOf = (count: number): () => string => {
  const names = Array.from({ length: count }, (_, i) => `tenant-${i}`)
  let seed = 1
  return () => {
    // Numerical Recipes' generator; its high bits are the random ones.
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return names[Math.floor(seed / 2 ** 32 * count)]!
  }
}

const subject = (
  name: string,
  kind: Subject["kind"],
  from: string,
  opened: (keys: number, next: () => string) => Promise<Lending>
): Subject => ({ name, kind, from, canTimeOut: false, open: (keys) => opened(keys, keysOf(keys)) })

/** Leases each key's connection once, so that all are open. */
const warmed = async (keys: number, pool: Lending): Promise<Lending> => {
  await pool.run({ borrowers: 1, leases: 8 * keys, steps: false })
  return pool
}

const effectual = (
  make: (keys: number, next: () => string) => Effect.Effect<Lease, never, any>
): Parameters<typeof subject>[3] =>
async (keys, next) => {
  const { close, pool: lease } = await made(make(keys, next) as Effect.Effect<Lease, never, any>)
  return warmed(keys, lending(lease, close))
}

const here = "this repository"

/** The limit of a keyed pool: a pool without keys. */
export const yardstick = "socketpool KeyedPool use"

const limits = { maxPending: Infinity, acquireTimeout: Duration.infinity }

export const keyedPools: ReadonlyArray<Subject> = [
  subject(
    yardstick,
    "ours",
    here,
    effectual((keys, next) =>
      Effect.map(
        KeyedPool.make({
          ...limits,
          open: (_: string) => open(things()),
          maxConnections: keys,
          maxConnectionsPerKey: 1,
          maxKeys: keys
        }),
        (pool): Lease => (work) => pool.use(next(), work)
      )
    )
  ),
  subject(
    "socketpool use, without keys",
    "ours",
    here,
    effectual((_, next) =>
      Effect.map(Pool.make({ ...limits, open: open(things()), maxConnections: 1 }), (pool): Lease => (work) => {
        next()
        return pool.use(work)
      })
    )
  ),
  subject(
    "a Map of socketpools",
    "ours",
    here,
    effectual((_, next) =>
      Effect.gen(function*() {
        const pools = new Map<string, ConnectionPool<Thing>>()
        const scope = yield* Effect.scope
        const make = Pool.make({ ...limits, open: open(things()), maxConnections: 1 })
        const poolOf = (key: string) => {
          const known = pools.get(key)
          if (known !== undefined) return known
          const pool = Effect.runSync(Effect.provideService(make, Scope.Scope, scope))
          pools.set(key, pool)
          return pool
        }
        return (work) => poolOf(next()).use(work)
      })
    )
  ),
  subject(
    "effect 3 KeyedPool",
    "pool",
    version("effect"),
    effectual((_, next) =>
      Effect.map(
        EffectKeyedPool.make({ acquire: (_: string) => open(things()), size: 1 }),
        (pool): Lease => (work) => Effect.scoped(Effect.flatMap(EffectKeyedPool.get(pool, next()), work))
      )
    )
  ),
  subject(
    "effect 3 RcMap of Pool",
    "pool",
    version("effect"),
    effectual((_, next) =>
      Effect.map(
        RcMap.make({
          lookup: (_: string) => EffectPool.make({ acquire: open(things()), size: 1 }),
          idleTimeToLive: "1 hour"
        }),
        (map): Lease => (work) =>
          Effect.scoped(Effect.flatMap(Effect.flatMap(RcMap.get(map, next()), EffectPool.get), work))
      )
    )
  ),
  subject("a Map of generic-pools, as undici's Agent", "pool", version("generic-pool"), async (keys, next) => {
    const pools = new Map<string, ReturnType<typeof createGenericPool<Thing>>>()
    const make = things()
    const poolOf = (key: string) => {
      const known = pools.get(key)
      if (known !== undefined) return known
      const pool = createGenericPool({ create: async () => make(), destroy: async () => {} }, { max: 1 })
      pools.set(key, pool)
      return pool
    }
    return warmed(
      keys,
      promiseLending(
        async () => {
          const pool = poolOf(next())
          return { pool, thing: await pool.acquire() }
        },
        ({ pool, thing }) => pool.release(thing),
        async () => {
          for (const pool of pools.values()) await pool.drain().then(() => pool.clear())
        }
      )
    )
  })
]
