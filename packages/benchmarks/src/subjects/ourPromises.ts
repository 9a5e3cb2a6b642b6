/** Our pool, borrowed from by promises. */
import { type ConnectionPool, Pool, type PromisePool } from "@socketpool/core"
import { Duration } from "effect"
import { longestPause, until } from "../probes.js"
import { type Lending, type Subject, type Thing, things } from "../subject.js"
import { closings, connect, made, open } from "./effects.js"
import { lending, warm } from "./promises.js"

type Door = PromisePool.PromisePool<Thing>
type Lease = PromisePool.PromiseLease<Thing>

const release = (lease: Lease): void => lease.release()

const over = (door: Door): Lending => ({
  ...lending<Lease>(() => door.acquire(), release, () => door.close()),
  cancel: async (waiters) => {
    const held = await door.acquire()
    const controllers = Array.from({ length: waiters }, () => new AbortController())
    const ends = Promise.allSettled(controllers.map(({ signal }) => door.acquire({ signal })))
    const start = performance.now()
    for (const controller of controllers) controller.abort()
    await ends
    const took = performance.now() - start
    held.release()
    return took
  }
})

const opened = async (pool: ConnectionPool<Thing>, size: number): Promise<Door> => {
  const door = Pool.promises(pool)
  await warm(size, () => door.acquire(), release)
  return door
}

export const ourPromises: Subject = {
  name: "socketpool (promises)",
  kind: "ours",
  canTimeOut: true,
  from: "this repository",
  open: async (size, timeout) => {
    const { pool } = await made(
      Pool.make({
        open: open(things()),
        maxConnections: size,
        maxPending: Infinity,
        acquireTimeout: timeout ?? Duration.infinity
      })
    )
    return over(await opened(pool, size))
  },
  over: async (connector, size) => {
    const { pool } = await made(Pool.make({ open: connect(connector), maxConnections: size }))
    return over(Pool.promises(pool))
  },
  reap: async (size) => {
    const { count, open } = closings()
    const { pool } = await made(Pool.make({ open, maxConnections: size, idleTimeout: "1 second" }))
    const door = await opened(pool, size)
    const pause = await longestPause(() => until(() => count.closed === size))
    await door.close()
    return pause
  }
}
