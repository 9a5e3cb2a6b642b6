/** An address on loopback that leads to a server. It can lead to another one, or be cut off. */
import { Effect, type Scope } from "effect"
import { once } from "node:events"
import * as net from "node:net"

export interface Relay {
  readonly port: number
  /** Leads to another server from now on, as after a failover. Present connections end. */
  readonly leadTo: (port: number) => Effect.Effect<void>
  /**
   * The servers see the end of all connections, and the clients see nothing: neither an end nor an answer, also those
   * that come later.
   */
  readonly cutOff: Effect.Effect<void>
  /** Takes new connections again. Those that were cut off stay silent. */
  readonly heal: Effect.Effect<void>
}

export const relayTo = (first: number): Effect.Effect<Relay, never, Scope.Scope> =>
  Effect.gen(function*() {
    let target = first
    let isCutOff = false
    const clients = new Set<net.Socket>()
    const upstreams = new Set<net.Socket>()
    const endAll = (sockets: ReadonlySet<net.Socket>) => {
      for (const socket of sockets) socket.destroy()
    }
    const server = net.createServer((client) => {
      clients.add(client)
      client.on("error", () => {}).on("close", () => clients.delete(client))
      if (isCutOff) return
      const upstream = net.connect(target, "127.0.0.1")
      upstreams.add(upstream)
      client.on("data", (data) => void upstream.write(data)).on("close", () => upstream.destroy())
      upstream.on("data", (data) => void client.write(data)).on("error", () => {}).on("close", () => {
        upstreams.delete(upstream)
        if (!isCutOff) client.destroy()
      })
    })
    yield* Effect.acquireRelease(
      Effect.promise(async () => {
        server.listen(0, "127.0.0.1")
        await once(server, "listening")
      }),
      () =>
        Effect.sync(() => {
          server.close()
          endAll(clients)
        })
    )
    return {
      port: (server.address() as net.AddressInfo).port,
      leadTo: (port) =>
        Effect.sync(() => {
          target = port
          endAll(clients)
        }),
      cutOff: Effect.sync(() => {
        isCutOff = true
        endAll(upstreams)
      }),
      heal: Effect.sync(() => {
        isCutOff = false
      })
    }
  })
