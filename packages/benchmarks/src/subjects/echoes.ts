/** Clients of an echo server: with our pool, with other pools over `node:net`, by hand, and without a pool. */
import { NodeSocket } from "@effect/platform-node"
import { Framing, Pool, TransportPool } from "@socketpool/core"
import { TcpPool } from "@socketpool/node"
import { Deferred, Effect, Exit, Pool as EffectPool, Scope } from "effect"
import { Effect as Effect4, Exit as Exit4, Pool as Pool4, Scope as Scope4 } from "effect-4"
import { createPool as createGenericPool } from "generic-pool"
import { createPool as createLightningPool } from "lightning-pool"
import { Pool as TarnPool } from "tarn"
import { type Asking, type EchoSubject, Line } from "../echo.js"
import { version } from "../versions.js"
import { made } from "./effects.js"
import { fiberLoops, promiseLoops } from "./loops.js"

/** Makes a client whose borrowers are loops of promises. */
const asking = (ask: (data: Uint8Array) => Promise<unknown>, close: () => Promise<unknown>): Asking => ({
  close,
  run: (load) => {
    const data = new Uint8Array(load.bytes).fill(65)
    return promiseLoops(load, () => ask(data))
  }
})

const asked = (line: Line, data: Uint8Array): Promise<void> => new Promise((answered) => line.ask(data, answered))

interface PromisePool {
  readonly acquire: () => PromiseLike<Line>
  readonly release: (line: Line) => unknown
  readonly close: () => Promise<unknown>
}

const ofPromises = (
  name: string,
  from: string,
  make: (connect: () => Promise<Line>, close: (line: Line) => Promise<void>, size: number) => PromisePool,
  reads?: "data" | "onread"
): EchoSubject => ({
  name,
  from,
  open: async (port, size) => {
    const destroy = async (line: Line) => line.close()
    const { acquire, close, release } = make(() => Line.connect(port, reads), destroy, size)
    return asking(async (data) => {
      const line = await acquire()
      try {
        await asked(line, data)
      } finally {
        release(line)
      }
    }, close)
  }
})

const node = `node ${process.version}`

const pooledByHand: Parameters<typeof ofPromises>[2] = (connect, close, size) => {
  const idle: Array<Line> = []
  const all: Array<Line> = []
  const waiting: Array<(line: Line) => void> = []
  return {
    acquire: async () => {
      const line = idle.pop()
      if (line !== undefined) return line
      if (all.length < size) {
        // Counts the connection before it is open, so that there are never too many.
        const place = all.push(undefined as never) - 1
        return all[place] = await connect()
      }
      return new Promise((served) => waiting.push(served))
    },
    release: (line) => {
      const served = waiting.shift()
      if (served === undefined) idle.push(line)
      else served(line)
    },
    close: () => Promise.all(all.map(close))
  }
}

const byHand = ofPromises("net.Socket, pooled by hand", node, pooledByHand)
const byHandOnRead = ofPromises("net.Socket with onread, pooled by hand", node, pooledByHand, "onread")

const genericPool = ofPromises("generic-pool over net", version("generic-pool"), (create, destroy, max) => {
  const pool = createGenericPool({ create, destroy }, { max })
  return {
    acquire: () => pool.acquire(),
    release: (line) => pool.release(line),
    close: async () => {
      await pool.drain()
      await pool.clear()
    }
  }
})

const tarn = ofPromises("tarn over net", version("tarn"), (create, destroy, max) => {
  const pool = new TarnPool({ create, destroy, min: 0, max })
  return { acquire: () => pool.acquire().promise, release: (line) => pool.release(line), close: () => pool.destroy() }
})

const lightning = ofPromises("lightning-pool over net", version("lightning-pool"), (create, destroy, max) => {
  const pool = createLightningPool({ create, destroy }, { max })
  pool.start()
  return { acquire: () => pool.acquire(), release: (line) => pool.release(line), close: async () => pool.close() }
})

const withoutPool: EchoSubject = {
  name: "one connection per request, net",
  from: node,
  connects: true,
  open: async (port) =>
    asking(async (data) => {
      const line = await Line.connect(port)
      await asked(line, data)
      line.close()
    }, () => Promise.resolve())
}

// --- Effect ---------------------------------------------------------------------------------------------------------

type Exchange = (data: Uint8Array) => Effect.Effect<unknown, unknown>

/** Makes a client whose borrowers are fibers. */
const askingFibers = (exchange: Exchange, close: () => Promise<unknown>): Asking => ({
  close,
  run: (load) => {
    const request = exchange(new Uint8Array(load.bytes).fill(65))
    return fiberLoops(load, () => request)
  }
})

const ofEffects = (
  name: string,
  from: string,
  make: (port: number, size: number) => Effect.Effect<Exchange, unknown, Scope.Scope>
): EchoSubject => ({
  name,
  from,
  open: async (port, size) => {
    const scope = Effect.runSync(Scope.make())
    const exchange = await Effect.runPromise(Scope.extend(make(port, size), scope))
    return askingFibers(exchange, () => Effect.runPromise(Scope.close(scope, Exit.void)))
  }
})

const ours = (name: string, options: Partial<TcpPool.Options>) =>
  ofEffects(
    name,
    "this repository",
    (port, size) =>
      Effect.map(
        TcpPool.make({ host: "127.0.0.1", port, maxConnections: size, maxPending: Infinity, ...options }),
        (pool) => (data) =>
          pool.use((connection) => Effect.zipRight(connection.send(data), connection.recvExactly(data.length)))
      )
  )

const plain = ours("socketpool use", {})

/** Has a timeout on every read and write. None of the competitors has one. */
const timed = ours("socketpool use, with timeouts", { timeout: "10 seconds" })

/** One call in place of a lease, a send and a read. */
const exchanging = ofEffects(
  "socketpool exchange",
  "this repository",
  (port, size) =>
    Effect.map(
      TcpPool.make({ host: "127.0.0.1", port, maxConnections: size, maxPending: Infinity }),
      (pool) => (data) => TransportPool.exchange(pool, data, Framing.fixed(data.length))
    )
)

const acquireLine = (port: number) =>
  Effect.acquireRelease(Effect.promise(() => Line.connect(port)), (line) => Effect.sync(() => line.close()))

const ourPromises: EchoSubject = {
  name: "socketpool (promises) over net",
  from: "this repository",
  open: async (port, size) => {
    const { pool } = await made(
      Pool.make({ open: acquireLine(port), maxConnections: size, maxPending: Infinity })
    )
    const door = Pool.promises(pool)
    return asking(async (data) => {
      const lease = await door.acquire()
      try {
        await asked(lease.connection, data)
      } finally {
        lease.release()
      }
    }, () => door.close())
  }
}

const exchanged = (line: Line, data: Uint8Array) =>
  Effect.async<void>((resume) => line.ask(data, () => resume(Effect.void)))

const effect3 = ofEffects("effect 3 Pool over net", version("effect"), (port, size) => {
  return Effect.map(
    EffectPool.make({ acquire: acquireLine(port), size }),
    (pool) => (data) => Effect.scoped(Effect.flatMap(pool.get, (line) => exchanged(line, data)))
  )
})

/** Sends one request at a time over a platform socket. */
const platformLine = (port: number) =>
  Effect.gen(function*() {
    const socket = yield* NodeSocket.makeNet({ host: "127.0.0.1", port, noDelay: true })
    let missing = 0
    let answered = yield* Deferred.make<void>()
    const run = socket.runRaw((chunk) => {
      missing -= chunk.length
      if (missing === 0) Deferred.unsafeDone(answered, Exit.void)
    })
    yield* Effect.forkScoped(run)
    const write = yield* socket.writer
    return (data: Uint8Array) =>
      Effect.flatMap(Deferred.make<void>(), (next) => {
        missing = data.length
        answered = next
        return Effect.zipRight(write(data), Deferred.await(next))
      })
  })

const overNodeSocket = ofEffects(
  "effect 3 Pool over NodeSocket",
  version("@effect/platform-node"),
  (port, size) =>
    Effect.map(
      EffectPool.make({ acquire: platformLine(port), size }),
      (pool) => (data) => Effect.scoped(Effect.flatMap(pool.get, (ask) => ask(data)))
    )
)

const effect4: EchoSubject = {
  name: "effect 4 Pool.use over net",
  from: version("effect-4", "effect"),
  open: async (port, size) => {
    const scope = Effect4.runSync(Scope4.make())
    const acquire = Effect4.acquireRelease(
      Effect4.promise(() => Line.connect(port)),
      (line) => Effect4.sync(() => line.close())
    )
    const pool = await Effect4.runPromise(Effect4.provideService(Pool4.make({ acquire, size }), Scope4.Scope, scope))
    return {
      close: () => Effect4.runPromise(Scope4.close(scope, Exit4.void)),
      run: ({ borrowers, bytes, requests, took }) => {
        const data = new Uint8Array(bytes).fill(65)
        const ask = Pool4.use(
          pool,
          (line) => Effect4.callback<void>((resume) => line.ask(data, () => resume(Effect4.void)))
        )
        const borrower = Effect4.suspend(() => {
          let i = 0
          let start = 0
          return Effect4.whileLoop({
            while: () => i < requests,
            body: () => {
              start = performance.now()
              return ask
            },
            step: () => {
              i++
              took(performance.now() - start)
            }
          })
        })
        return Effect4.runPromise(
          Effect4.all(Array.from({ length: borrowers }, () => borrower), { concurrency: "unbounded", discard: true })
        )
      }
    }
  }
}

export const echoes: ReadonlyArray<EchoSubject> = [
  plain,
  timed,
  exchanging,
  ourPromises,
  byHandOnRead,
  byHand,
  genericPool,
  tarn,
  lightning,
  effect4,
  effect3,
  overNodeSocket,
  withoutPool
]

/** The yardstick: the fastest pool that an application could write by hand. */
export const echoYardstick = byHandOnRead.name
