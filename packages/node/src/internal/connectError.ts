/** Why a socket could not be connected, in our words. */
import { ConnectError } from "@socketpool/core/ConnectionError"
import * as net from "node:net"

export const addressOf = (host: string, port: number): string =>
  net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`

const reasons: Record<string, ConnectError["reason"]> = {
  ECONNREFUSED: "Refused",
  // A listener that goes away while the connect is on its way.
  ECONNRESET: "Refused",
  ECONNABORTED: "Refused",
  // Nobody has made the Unix socket, and one whose queue is full.
  ENOENT: "Refused",
  EAGAIN: "Refused",
  ETIMEDOUT: "Timeout",
  EHOSTUNREACH: "Unreachable",
  EHOSTDOWN: "Unreachable",
  ENETUNREACH: "Unreachable",
  ENETDOWN: "Unreachable",
  EACCES: "Unreachable",
  EPERM: "Unreachable",
  EMFILE: "LocalResources",
  ENFILE: "LocalResources",
  ENOBUFS: "LocalResources",
  ENOMEM: "LocalResources",
  EADDRNOTAVAIL: "LocalResources",
  // A resolver that has no descriptor or no memory left to ask with.
  EBUSY: "LocalResources",
  EAI_MEMORY: "LocalResources"
}

/** A resolver fails for lack of local resources, too; then there is nothing wrong with the name. */
export const resolverReason = (code: string | undefined): "Dns" | "LocalResources" =>
  reasons[code ?? ""] === "LocalResources" ? "LocalResources" : "Dns"

type Tried = NodeJS.ErrnoException & { readonly address?: string; readonly port?: number }

/** Node reports several addresses tried as an `AggregateError` with an empty message. */
export const connectError = (error: NodeJS.ErrnoException, address: string): ConnectError => {
  const tried: ReadonlyArray<Tried> = error instanceof AggregateError ? error.errors : []
  const code = error.code ?? tried[0]?.code
  return new ConnectError({
    reason: error.syscall === "getaddrinfo" ? resolverReason(code) : reasons[code ?? ""] ?? "Other",
    address,
    ...(code === undefined ? {} : { code }),
    attempts: tried.map((one) => ({
      address: one.address === undefined || one.port === undefined ? address : addressOf(one.address, one.port),
      ...(one.code === undefined ? {} : { code: one.code })
    }))
  })
}

/** Whatever goes wrong while TLS is set up; the code tells certificates from versions from a peer that went away. */
export const tlsError = ({ code }: NodeJS.ErrnoException, address: string): ConnectError =>
  failure("Tls", address, code === undefined ? {} : { code })

export const failure = (
  reason: ConnectError["reason"],
  address: string,
  more: { readonly code?: string; readonly cause?: unknown } = {}
): ConnectError => new ConnectError({ reason, address, attempts: [], ...more })
