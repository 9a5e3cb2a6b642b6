/** Pools for promises, and the limits of plain arrays. */
import { createPool as createGenericPool } from "generic-pool"
import { createPool as createLightningPool } from "lightning-pool"
import { EventEmitter } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import PgPool from "pg-pool"
import { Pool as SequelizePool } from "sequelize-pool"
import { Pool as TarnPool } from "tarn"
import { longestPause, until } from "../probes.js"
import { type Connector, type Lending, type Load, type Subject, type Thing, things } from "../subject.js"
import { version } from "../versions.js"

/** Runs the borrowers of a promise pool. */
export const lending = <T>(
  acquire: () => Promise<T> | T,
  release: (thing: T) => unknown,
  close: () => Promise<unknown>
): Lending => ({
  close,
  run: async ({ borrowers, gate, leases, paces, retryMillis, steps, watch }: Load) => {
    const take = retryMillis === undefined ? acquire : async () => {
      for (;;) {
        try {
          return await acquire()
        } catch {
          await sleep(retryMillis)
        }
      }
    }

    const borrower = async (number: number) => {
      for (let i = 0; i < leases; i++) {
        watch?.asked(number)
        const thing = await take()
        watch?.served(number)
        try {
          if (steps) await undefined
          if (gate !== undefined) await gate()
        } finally {
          release(thing)
        }
        if (paces) await undefined
      }
    }
    await Promise.all(Array.from({ length: borrowers }, (_, number) => borrower(number)))
  }
})

/** Borrows all connections at once and releases them, so that all are open. */
export const warm = async <T>(size: number, acquire: () => Promise<T>, release: (thing: T) => unknown) => {
  const all = await Promise.all(Array.from({ length: size }, acquire))
  for (const thing of all) release(thing)
}

const create = (connector: Connector, make: () => Thing) => async (): Promise<Thing> => {
  connector.begin()
  await sleep(connector.millis)
  return make()
}

/** Counts closes. */
const closings = () => {
  const count = { closed: 0 }
  return { count, destroy: () => void count.closed++ }
}

const overGeneric = (pool: ReturnType<typeof createGenericPool<Thing>>): Lending =>
  lending(
    () => pool.acquire() as Promise<Thing>,
    (thing) => pool.release(thing),
    async () => {
      await pool.drain()
      await pool.clear()
    }
  )

const genericPool: Subject = {
  name: "generic-pool",
  kind: "pool",
  canTimeOut: true,
  from: version("generic-pool"),
  open: async (size, timeout) => {
    const make = things()
    const pool = createGenericPool<Thing>(
      { create: async () => make(), destroy: async () => {} },
      { max: size, min: size, ...(timeout === undefined ? {} : { acquireTimeoutMillis: timeout }) }
    )
    await warm(size, () => pool.acquire() as Promise<Thing>, (thing) => pool.release(thing))
    return overGeneric(pool)
  },
  over: async (connector, size) =>
    overGeneric(
      createGenericPool<Thing>({ create: create(connector, things()), destroy: async () => {} }, { max: size })
    ),
  reap: async (size) => {
    const make = things()
    const { count, destroy } = closings()
    const pool = createGenericPool<Thing>({ create: async () => make(), destroy: async () => destroy() }, {
      max: size,
      idleTimeoutMillis: 1_000,
      evictionRunIntervalMillis: 500,
      numTestsPerEvictionRun: size
    })
    await warm(size, () => pool.acquire() as Promise<Thing>, (thing) => pool.release(thing))
    return longestPause(() => until(() => count.closed === size))
  }
}

const overTarn = (pool: TarnPool<Thing>): Lending => ({
  ...lending(() => pool.acquire().promise, (thing) => pool.release(thing), () => pool.destroy()),
  cancel: async (waiters) => {
    const held = await pool.acquire().promise
    const pending = Array.from({ length: waiters }, () => pool.acquire())
    const ends = Promise.allSettled(pending.map(({ promise }) => promise))
    const start = performance.now()
    for (const one of pending) one.abort()
    await ends
    const took = performance.now() - start
    pool.release(held)
    return took
  }
})

const tarn: Subject = {
  name: "tarn",
  kind: "pool",
  canTimeOut: true,
  from: version("tarn"),
  open: async (size, timeout) => {
    const make = things()
    const pool = new TarnPool<Thing>({
      create: async () => make(),
      destroy: () => {},
      min: size,
      max: size,
      ...(timeout === undefined ? {} : { acquireTimeoutMillis: timeout })
    })
    await warm(size, () => pool.acquire().promise, (thing) => pool.release(thing))
    return overTarn(pool)
  },
  over: async (connector, size) =>
    overTarn(new TarnPool<Thing>({ create: create(connector, things()), destroy: () => {}, min: 0, max: size })),
  reap: async (size) => {
    const make = things()
    const { count, destroy } = closings()
    const pool = new TarnPool<Thing>({
      create: async () => make(),
      destroy,
      min: 0,
      max: size,
      idleTimeoutMillis: 1_000,
      reapIntervalMillis: 500
    })
    await warm(size, () => pool.acquire().promise, (thing) => pool.release(thing))
    return longestPause(() => until(() => count.closed === size))
  }
}

const lightningPool: Subject = {
  name: "lightning-pool",
  kind: "pool",
  canTimeOut: true,
  from: version("lightning-pool"),
  open: async (size, timeout) => {
    const make = things()
    const pool = createLightningPool<Thing>(
      { create: async () => make(), destroy: async () => {} },
      {
        max: size,
        min: size,
        minIdle: size,
        maxQueue: Infinity,
        ...(timeout === undefined ? {} : { acquireTimeoutMillis: timeout })
      }
    )
    await warm(size, () => pool.acquire(), (thing) => pool.release(thing))
    return lending(() => pool.acquire(), (thing) => pool.release(thing), async () => pool.close(true))
  }
}

const sequelizePool: Subject = {
  name: "sequelize-pool",
  kind: "pool",
  canTimeOut: true,
  from: version("sequelize-pool"),
  open: async (size, timeout) => {
    const make = things()
    const pool = new SequelizePool<Thing>({
      create: async () => make(),
      destroy: async () => {},
      validate: () => true,
      min: size,
      max: size,
      ...(timeout === undefined ? {} : { acquireTimeoutMillis: timeout })
    })
    await warm(size, () => pool.acquire(), (thing) => pool.release(thing))
    return lending(
      () => pool.acquire(),
      (thing) => pool.release(thing),
      async () => {
        await pool.drain()
        await pool.destroyAllNow()
      }
    )
  }
}

/** The part of a PostgreSQL client that pg-pool uses, in a class that has `on`, `once` and `removeListener`. */
const clientOf = <B extends new(...args: Array<any>) => object>(Base: B) =>
  class extends Base {
    // Without these two, pg-pool closes a client at its release, and connects for every lease.
    readonly _queryable = true
    readonly _ending = false

    connect(done: (error?: Error) => void): void {
      process.nextTick(done)
    }
    end(done?: () => void): void {
      if (done !== undefined) process.nextTick(done)
    }
  }

class Deaf {
  on(): void {}
  once(): void {}
  removeListener(): void {}
}

const overPg = (client: string, Base: new() => object): Subject => ({
  name: `pg-pool, ${client}`,
  kind: "pool",
  canTimeOut: true,
  from: `${version("pg-pool")}, with a client that does nothing`,
  open: async (size, timeout) => {
    const pool = new PgPool({
      Client: clientOf(Base),
      max: size,
      min: size,
      idleTimeoutMillis: 0,
      ...(timeout === undefined ? {} : { connectionTimeoutMillis: timeout })
    })
    await warm(size, () => pool.connect(), (client) => client.release())
    if (pool.idleCount !== size) throw new Error(`pg-pool keeps ${pool.idleCount} of ${size} clients`)
    return lending(() => pool.connect(), (client) => client.release(), () => pool.end())
  }
})

/** A `pg.Client` is an EventEmitter: for each lease, pg-pool removes and adds a listener. */
const pgPool = overPg("client is an EventEmitter", EventEmitter)

/** The cost of pg-pool without these listeners. No user has such a client. */
const deafPgPool = overPg("client without listeners", Deaf)

// --- Limits ---------------------------------------------------------------------------------------------------------

const stack = (size: number): Array<Thing> => {
  const make = things()
  return Array.from({ length: size }, make)
}

/** A limit without a queue, so it must not have more borrowers than things. */
const bareArray: Subject = {
  name: "an array",
  kind: "limit",
  canTimeOut: false,
  from: "pop and push",
  open: async (size) => {
    const idle = stack(size)
    return {
      close: async () => {},
      run: async ({ borrowers, leases }) => {
        for (let i = 0; i < borrowers * leases; i++) idle.push(idle.pop()!)
      }
    }
  }
}

const awaitedArray: Subject = {
  name: "an array, awaited",
  kind: "limit",
  canTimeOut: false,
  from: "pop and push, with an await",
  open: async (size) => {
    const idle = stack(size)
    return lending(() => Promise.resolve(idle.pop()!), (thing) => idle.push(thing), async () => {})
  }
}

export const promisePools = [genericPool, tarn, lightningPool, sequelizePool, pgPool, deafPgPool]
export const arrays = [bareArray, awaitedArray]
