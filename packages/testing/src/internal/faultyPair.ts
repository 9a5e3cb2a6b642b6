/** A client's connection to the proxy, together with the proxy's connection to the server. */
import * as net from "node:net"
import type { Rng } from "../Rng.js"
import { Pump, type Treatment } from "./pump.js"

export type Way = "toServer" | "toClient"

const resetSocket = (socket: net.Socket): void => {
  const isEnding = socket.writableEnded && !socket.writableFinished
  // A reset while an end is in flight would fail and leave the handle open.
  if (isEnding && socket.writableLength === 0) socket.once("finish", () => socket.resetAndDestroy())
  // A reset of a connecting socket would happen only once it is connected.
  else if (isEnding || socket.connecting) socket.destroy()
  else socket.resetAndDestroy()
}

export class FaultyPair {
  private readonly server: net.Socket | undefined
  private readonly pumps: { readonly [way in Way]: Pump } | undefined
  /** The number of sockets that have not closed yet. */
  private open: number

  constructor(
    readonly client: net.Socket,
    /** The server. Without it the client is ignored. */
    target: { readonly host: string; readonly port: number } | undefined,
    treatments: { readonly [way in Way]: Treatment },
    rngOf: () => Rng,
    private readonly gone: () => void
  ) {
    const cut = (how: "Reset" | "End") => how === "Reset" ? this.reset() : this.end()
    if (target === undefined) {
      this.server = undefined
      this.pumps = undefined
      this.open = 1
      this.watch(client)
      client.resume()
      client.on("end", () => client.end())
    } else {
      const server = net.connect({ ...target, noDelay: true, allowHalfOpen: true })
      this.server = server
      this.open = 2
      this.watch(client)
      this.watch(server)
      this.pumps = {
        toServer: new Pump(client, server, treatments.toServer, rngOf(), cut),
        toClient: new Pump(server, client, treatments.toClient, rngOf(), cut)
      }
      this.pumps.toServer.start()
      this.pumps.toClient.start()
    }
  }

  change(way: Way, treatment: Treatment): void {
    this.pumps?.[way].change(treatment)
  }

  /** Resets both sides. */
  reset(): void {
    this.pumps?.toServer.stop()
    this.pumps?.toClient.stop()
    resetSocket(this.client)
    if (this.server !== undefined) resetSocket(this.server)
  }

  /** Ends the stream to the client. Nothing reaches it afterwards. */
  endClient(): void {
    if (this.pumps === undefined) this.client.end()
    else this.pumps.toClient.end()
  }

  private end(): void {
    this.pumps?.toServer.end()
    this.pumps?.toClient.end()
  }

  private watch(socket: net.Socket): void {
    socket.on("error", () => this.reset())
    socket.on("close", () => {
      this.open--
      if (this.open > 0) return
      this.pumps?.toServer.stop()
      this.pumps?.toClient.stop()
      this.gone()
    })
  }
}
