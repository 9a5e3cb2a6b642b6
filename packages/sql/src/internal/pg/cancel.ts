/** PostgreSQL's cancel request: a connection of its own, on which the client names the process and its key. */
import * as Effect from "effect/Effect"
import type { Duplex } from "node:stream"
import { Client, type ClientConfig } from "pg"
import { async } from "../effect.js"

/** The driver's connection, with more than its public part. */
export interface Wire {
  readonly stream: Duplex
  connect(port: number | string, host?: string): void
  requestSsl(): void
  cancel(processID: number, secretKey: number): void
  on(event: "connect" | "sslconnect" | "end", listener: () => void): void
  on(event: "error" | "errorMessage", listener: (error: unknown) => void): void
  on(event: "readyForQuery", listener: (message: { readonly status: "I" | "T" | "E" }) => void): void
}

/** The driver's client, with more than its public part. */
export interface Inner extends Client {
  readonly processID: number | null
  readonly secretKey: number | null
  readonly sslNegotiation?: "postgres" | "direct"
  /** Whether no query is in flight. */
  readonly readyForQuery?: boolean
}

export const wireOf = (client: Client): Wire => client.connection as unknown as Wire

/**
 * Asks the server to cancel what a backend runs. Completes with `true` when the server has closed the connection of the
 * request: then it has signalled the backend, and no signal comes later. With `false` nobody knows.
 *
 * It takes the same way to the server as the client itself, TLS included.
 */
export const cancelRequest = (
  config: ClientConfig,
  { processID, secretKey }: { readonly processID: number; readonly secretKey: number }
): Effect.Effect<boolean> =>
  async<boolean>((resume) => {
    const client = new Client(config) as Inner
    const wire = wireOf(client)
    let isSent = false
    let hasFailed = false
    const send = () => {
      isSent = true
      wire.cancel(processID, secretKey)
    }
    wire.on("connect", () => {
      if (!client.ssl) return send()
      if (client.sslNegotiation !== "direct") wire.requestSsl()
    })
    wire.on("sslconnect", send)
    wire.on("error", () => {
      hasFailed = true
      wire.stream.destroy()
    })
    wire.on("end", () => resume(Effect.succeed(isSent && !hasFailed)))
    if (client.host.startsWith("/")) wire.connect(`${client.host}/.s.PGSQL.${client.port}`)
    else wire.connect(client.port, client.host)
    return Effect.sync(() => wire.stream.destroy())
  })
