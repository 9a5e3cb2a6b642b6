/** Clients of Redis: ours, which share connections or lease one per command, and those of others. */
import { Pool } from "@socketpool/core"
import { TcpConnection } from "@socketpool/node"
import { Redis as Client } from "@socketpool/redis"
import { Effect, Exit, Scope } from "effect"
import { Redis } from "ioredis"
import { createClient } from "redis"
import type { Asking, EchoSubject } from "../echo.js"
import { version } from "../versions.js"
import { fiberLoops, promiseLoops } from "./loops.js"

/** Every tenth command writes. */
const isWrite = (i: number): boolean => i % 10 === 9

const keyOf = (bytes: number): string => `value:${bytes}`

interface Commands<A> {
  readonly get: (key: string) => A
  readonly set: (key: string, value: string) => A
}

// --- Promises -------------------------------------------------------------------------------------------------------

interface Single extends Commands<Promise<unknown>> {
  readonly close: () => Promise<unknown>
}

/** Clients of one connection each, which borrowers take in turn. */
const ofPromises = (name: string, from: string, connect: (port: number) => Promise<Single>): EchoSubject => ({
  name,
  from,
  open: async (port, size) => {
    const clients = await Promise.all(Array.from({ length: size }, () => connect(port)))
    const asking: Asking = {
      close: () => Promise.all(clients.map(({ close }) => close())),
      run: async (load) => {
        const key = keyOf(load.bytes)
        const value = "x".repeat(load.bytes)
        await clients[0]!.set(key, value)
        await promiseLoops(load, (i, borrower) => {
          const client = clients[borrower % size]!
          return isWrite(i) ? client.set(key, value) : client.get(key)
        })
      }
    }
    return asking
  }
})

const ioredis = (name: string, enableAutoPipelining: boolean) =>
  ofPromises(name, version("ioredis"), async (port) => {
    const redis = new Redis(port, "127.0.0.1", { enableAutoPipelining })
    return {
      get: (key) => redis.get(key),
      set: (key, value) => redis.set(key, value),
      close: async () => redis.disconnect()
    }
  })

const nodeRedis = ofPromises("node-redis", version("redis"), async (port) => {
  const redis = createClient({ url: `redis://127.0.0.1:${port}` })
  await redis.connect()
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value),
    close: async () => redis.destroy()
  }
})

// --- Fibers ---------------------------------------------------------------------------------------------------------

const ofEffects = (
  name: string,
  make: (port: number, size: number) => Effect.Effect<Commands<Effect.Effect<unknown, unknown>>, unknown, Scope.Scope>
): EchoSubject => ({
  name,
  from: "this repository",
  open: async (port, size) => {
    const scope = Effect.runSync(Scope.make())
    const { get, set } = await Effect.runPromise(Scope.extend(make(port, size), scope))
    const asking: Asking = {
      close: () => Effect.runPromise(Scope.close(scope, Exit.void)),
      run: async (load) => {
        const key = keyOf(load.bytes)
        const value = "x".repeat(load.bytes)
        await Effect.runPromise(set(key, value) as Effect.Effect<unknown>)
        await fiberLoops(load, (i) => isWrite(i) ? set(key, value) : get(key))
      }
    }
    return asking
  }
})

const shared = ofEffects(
  "socketpool, shared connections",
  (port, size) =>
    Effect.map(Client.make({ host: "127.0.0.1", port, maxConnections: size, minConnections: size }), (redis) => ({
      get: (key) => redis.get(key),
      set: (key, value) => redis.set(key, value)
    }))
)

/** One line of a length, and as many bytes. */
const bulk = (connection: TcpConnection.TcpConnection) =>
  Effect.flatMap(connection.recvUntil("\r\n"), (line) => connection.recvExactly(Number(text(line.subarray(1))) + 2))

const decoder = new TextDecoder()
const text = (bytes: Uint8Array): string => decoder.decode(bytes)

/** The way of a program that has a pool of sockets and no client: a lease, a command, a reply. */
const leased = ofEffects("socketpool, a lease per command", (port, size) =>
  Effect.map(
    Pool.make({
      open: TcpConnection.open({ host: "127.0.0.1", port }),
      maxConnections: size,
      maxPending: 100_000,
      acquireTimeout: Infinity
    }),
    (pool) => ({
      get: (key) =>
        pool.use((connection) =>
          Effect.andThen(connection.send(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`), bulk(connection))
        ),
      set: (key, value) =>
        pool.use((connection) =>
          Effect.andThen(
            connection.send(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`),
            connection.recvUntil("\r\n")
          )
        )
    })
  ))

export const redisYardstick = shared.name

export const redisClients: ReadonlyArray<EchoSubject> = [
  shared,
  leased,
  ioredis("ioredis, auto-pipelining", true),
  ioredis("ioredis", false),
  nodeRedis
]
