/** A TCP server on a loopback port that echoes requests, and can be switched to a fault. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import { async } from "./effect.js"

/** The faults of the server, from none to the worst. */
export const faults = ["none", "slow", "lossy", "stuck", "down"] as const
export type Fault = typeof faults[number]

export const faultDescriptions: { readonly [F in Fault]: string } = {
  none: "answers at once",
  slow: "answers after 200 ms",
  lossy: "resets the connection at one request in fifty",
  stuck: "reads requests and never answers",
  down: "is down: nothing listens on its port"
}

export interface FaultyServer {
  readonly port: number
  readonly fault: () => Fault
  readonly setFault: (fault: Fault) => Effect.Effect<void>
  /** Destroys every connection and returns how many there were. */
  readonly kill: Effect.Effect<number>
  /** Returns how many connections it has. */
  readonly connections: () => number
  /** Returns the most connections it had at once. */
  readonly peak: () => number
}

const host = "127.0.0.1"
const slowMillis = 200
/** One request in this many is lost. */
const lossyOneIn = 50

/** Picks a port below the ephemeral range: a client with that port could connect to itself while the server is down. */
const randomPort = (): number => 10_000 + Math.floor(Math.random() * 20_000)

const listen = (server: net.Server, port: number): Effect.Effect<void, Error> =>
  async((resume) => {
    const settle = (answer: Effect.Effect<void, Error>) => {
      server.off("error", onError).off("listening", onListening)
      resume(answer)
    }
    const onError = (error: Error) => settle(Effect.fail(error))
    const onListening = () => settle(Effect.void)
    server.on("error", onError).on("listening", onListening).listen(port, host)
  })

/**
 * Starts a server that stops when the scope closes. `answer` turns a request into its answer, which takes `answerMillis`
 * without any fault.
 */
export const make = (
  answer: (chunk: Buffer) => Buffer = (chunk) => chunk,
  answerMillis = 0
): Effect.Effect<FaultyServer, Error, Scope.Scope> =>
  Effect.gen(function*() {
    const sockets = new Set<net.Socket>()
    let fault: Fault = "none"
    let peak = 0
    const server = net.createServer({ noDelay: true }, (socket) => {
      sockets.add(socket)
      peak = Math.max(peak, sockets.size)
      const timers = new Set<NodeJS.Timeout>()
      socket.on("close", () => {
        sockets.delete(socket)
        for (const timer of timers) clearTimeout(timer)
      })
      socket.on("error", () => socket.destroy())
      socket.on("data", (chunk) => {
        if (fault === "stuck") return
        if (fault === "lossy" && Math.random() * lossyOneIn < 1) return void socket.resetAndDestroy()
        const millis = fault === "slow" ? slowMillis : answerMillis
        if (millis === 0) return void socket.write(answer(chunk))
        const timer = setTimeout(() => {
          timers.delete(timer)
          socket.write(answer(chunk))
        }, millis)
        timers.add(timer)
      })
    })
    const kill = Effect.sync(() => {
      const lost = sockets.size
      for (const socket of sockets) socket.destroy()
      return lost
    })
    const stop = async<void>((resume) => {
      server.close(() => resume(Effect.void))
      for (const socket of sockets) socket.destroy()
    })
    const port = yield* Effect.acquireRelease(
      Effect.suspend(() => {
        const port = randomPort()
        return Effect.as(listen(server, port), port)
      }).pipe(Effect.retry({ times: 50 })),
      () => Effect.suspend(() => server.listening ? stop : Effect.void)
    )
    const start = Effect.suspend(() => server.listening ? Effect.void : Effect.orDie(listen(server, port)))
    return {
      port,
      fault: () => fault,
      setFault: (next) =>
        Effect.suspend(() => {
          if (fault === next) return Effect.void
          fault = next
          return next === "down" ? stop : start
        }),
      kill,
      connections: () => sockets.size,
      peak: () => peak
    }
  })
