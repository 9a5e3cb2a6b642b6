/** A TCP echo server on a loopback port that can be killed and started again. The examples and their tests talk to it. */
import { Effect, Schedule, type Scope } from "effect"
import * as net from "node:net"

export interface EchoServer {
  readonly host: string
  readonly port: number
  /** The number of connections now. */
  readonly connections: () => number
  /** The most connections at once so far. */
  readonly peak: () => number
  /** Stops listening and destroys every connection. Returns the number of connections. */
  readonly kill: Effect.Effect<number>
  /** Listens again, on the same port. */
  readonly start: Effect.Effect<void>
}

const host = "127.0.0.1"

const listen = (server: net.Server, port: number): Effect.Effect<void, NodeJS.ErrnoException> =>
  Effect.async((resume) => {
    const settle = (result: Effect.Effect<void, NodeJS.ErrnoException>) => {
      server.off("error", onError)
      server.off("listening", onListening)
      resume(result)
    }
    const onError = (error: Error) => settle(Effect.fail(error))
    const onListening = () => settle(Effect.void)
    server.on("error", onError)
    server.on("listening", onListening)
    server.listen(port, host)
  })

/**
 * Picks a port below those that systems hand out to clients. A client that keeps connecting to a port in the client
 * range while nobody listens there may connect to itself, and then keep the server from coming back.
 */
const randomPort = (): number => 10_000 + Math.floor(Math.random() * 20_000)

/** Starts a server that ends with the scope. */
export const make: Effect.Effect<EchoServer, never, Scope.Scope> = Effect.gen(function*() {
  const sockets = new Set<net.Socket>()
  let peak = 0
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    peak = Math.max(peak, sockets.size)
    socket.on("close", () => sockets.delete(socket))
    socket.on("error", () => socket.destroy())
    socket.pipe(socket)
  })

  const kill = Effect.async<number>((resume) => {
    const lost = sockets.size
    server.close(() => resume(Effect.succeed(lost)))
    for (const socket of sockets) socket.destroy()
  })
  const port = yield* Effect.acquireRelease(
    Effect.suspend(() => {
      const port = randomPort()
      return Effect.as(listen(server, port), port)
    }).pipe(Effect.retry({ times: 50 }), Effect.orDie),
    () => kill
  )
  return {
    host,
    port,
    connections: () => sockets.size,
    peak: () => peak,
    kill,
    start: listen(server, port).pipe(
      Effect.retry(Schedule.intersect(Schedule.spaced("20 millis"), Schedule.recurs(100))),
      Effect.orDie
    )
  }
})
