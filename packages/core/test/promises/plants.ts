/** Doors with a defect, of the kinds that doors for promises usually have. */
import type { PromisePool } from "@socketpool/core"
import type { Connection } from "../setup.js"

type Door = PromisePool.PromisePool<Connection>

export type Plant = (door: Door) => Door

const altered = (door: Door, acquire: Door["acquire"]): Door => ({
  name: door.name,
  acquire,
  use: (f, options) => door.use(f, options),
  stats: () => door.stats(),
  close: () => door.close(),
  [Symbol.asyncDispose]: () => door.close()
})

const without = ({ signal: _, ...options }: PromisePool.Options = {}): PromisePool.Options => options

const aborted = (signal: PromisePool.Signal | undefined): Promise<never> =>
  new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)))

export const plants = {
  none: (door) => door,

  /** Races the wait against the signal: the waiter stays in the queue, and its lease has no owner. */
  races: (door) => altered(door, (options) => Promise.race([door.acquire(without(options)), aborted(options?.signal)])),

  /** Leaves the queue, but not at once. */
  isLate: (door) =>
    altered(door, async (options) => {
      const signal = options?.signal
      const lease = await door.acquire(without(options))
      if (signal?.aborted !== true) return lease
      lease.release()
      throw signal.reason
    }),

  /** Gives the lease back for an abort that comes too late, and resolves with it all the same. */
  doubles: (door) =>
    altered(door, async (options) => {
      const lease = await door.acquire(options)
      await undefined
      if (options?.signal?.aborted === true) lease.release()
      return lease
    }),

  /** Rejects for an abort that comes too late, and keeps the lease. */
  loses: (door) =>
    altered(door, async (options) => {
      const lease = await door.acquire(options)
      await undefined
      if (options?.signal?.aborted === true) throw options.signal.reason
      return lease
    }),

  /** Lets every third release do nothing. */
  losesReleases: (door) => {
    let count = 0
    return altered(door, async (options) => {
      const lease = await door.acquire(options)
      if (++count % 3 > 0) return lease
      const { connection } = lease
      const nothing = () => {}
      return {
        connection,
        release: nothing,
        drop: nothing,
        [Symbol.dispose]: nothing,
        [Symbol.asyncDispose]: async () => {}
      }
    })
  }
} satisfies Record<string, Plant>
