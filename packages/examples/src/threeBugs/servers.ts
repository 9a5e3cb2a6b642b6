/** A slow server and a silent one. */
import { Effect, type Scope } from "effect"
import * as net from "node:net"

const host = "127.0.0.1"

const serve = (
  behave: (socket: net.Socket) => void
): Effect.Effect<{ host: string; port: number }, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<{ server: net.Server; sockets: Set<net.Socket> }>((resume) => {
        const sockets = new Set<net.Socket>()
        const server = net.createServer({ noDelay: true }, (socket) => {
          sockets.add(socket)
          socket.on("error", () => socket.destroy())
          behave(socket)
        })
        server.listen(0, host, () => resume(Effect.succeed({ server, sockets })))
      }),
      ({ server, sockets }) =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const socket of sockets) socket.destroy()
        })
    ),
    ({ server }) => ({ host, port: (server.address() as net.AddressInfo).port })
  )

/** Answers with the balance of an account, one request after another, 50 ms each. */
export const bank = serve((socket) => {
  let free = Date.now()
  socket.on("data", (chunk) => {
    for (const name of chunk.toString().trim().split("\n")) {
      free = Math.max(free, Date.now()) + 50
      setTimeout(() => socket.writable && socket.write(`${name} has 100\n`), free - Date.now())
    }
  })
})

/** Accepts connections and never answers. */
export const mute = serve((socket) => void socket.resume())
