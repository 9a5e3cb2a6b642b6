/** Turns errors of Node and of resolvers into `ConnectError`. */
import { type ConnectAttempt, ConnectError } from "@socketpool/core/ConnectionError"
import * as net from "node:net"

export const addressOf = (host: string, port: number): string =>
  net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`

const reasons: Record<string, ConnectError["reason"]> = {
  ECONNREFUSED: "Refused",
  // The listener went away while the connect was in flight.
  ECONNRESET: "Refused",
  ECONNABORTED: "Refused",
  // The Unix socket does not exist, or its queue is full.
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
  // The resolver has run out of descriptors or memory.
  EBUSY: "LocalResources",
  EAI_MEMORY: "LocalResources"
}

/** Tells a bad name from a resolver that lacks local resources: then nothing is wrong with the name. */
export const resolverReason = (code: string | undefined): "Dns" | "LocalResources" =>
  reasons[code ?? ""] === "LocalResources" ? "LocalResources" : "Dns"

/** Not `instanceof`: in a realm of its own, as of a test runner, Node's errors are of other classes. */
const triedBy = (error: object): ReadonlyArray<Tried> =>
  "errors" in error && Array.isArray(error.errors) ? error.errors : []

type Tried = NodeJS.ErrnoException & { readonly address?: string; readonly port?: number }

/** Converts Node's error. Node reports several tried addresses as an `AggregateError` with an empty message. */
export const connectError = (error: NodeJS.ErrnoException, address: string): ConnectError => {
  const tried = triedBy(error)
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

/** The failure of an open that has tried several addresses. It has the reason of the first, as Node's error has. */
export const noneAccepts = (
  tried: ReadonlyArray<ConnectAttempt & Pick<ConnectError, "reason">>,
  address: string
): ConnectError => {
  const { code, reason } = tried[0]!
  const attempts = tried.map(({ reason: _, ...attempt }) => attempt)
  return new ConnectError({ reason, address, ...(code === undefined ? {} : { code }), attempts })
}

/** Any failure of the TLS handshake. `code` tells a bad certificate, a wrong version and a vanished peer apart. */
export const tlsError = ({ code }: NodeJS.ErrnoException, address: string): ConnectError =>
  failure("Tls", address, code === undefined ? {} : { code })

export const failure = (
  reason: ConnectError["reason"],
  address: string,
  more: { readonly code?: string; readonly cause?: unknown } = {}
): ConnectError => new ConnectError({ reason, address, attempts: [], ...more })
