/** Routes: checked options in the form that Node's sockets take. */
import type { Address } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import * as Effect from "effect/Effect"
import * as dns from "node:dns"
import * as net from "node:net"
import * as os from "node:os"
import type { Options } from "../TcpConnection.js"
import { bare } from "./bare.js"
import { addressOf, connectError, failure, resolverReason } from "./connectError.js"
import { async } from "./effect.js"
import type { Tcp, Unix } from "./options.js"

export interface Route {
  /** The peer, as errors name it. */
  readonly address: string
  readonly peer: Address
  /** In milliseconds. */
  readonly connectTimeout: number
  /** The options of the socket's constructor. */
  readonly constructor: { readonly allowHalfOpen: boolean } & net.SocketConstructorOpts & Partial<KeptBySockets>
  /** Computes where to connect: at least one target, to be tried in turn. This may ask a resolver. */
  readonly targets: Effect.Effect<ReadonlyArray<Target>, ConnectError>
  /** The limit of the attempt on each target but the last, in milliseconds. */
  readonly attemptTimeout: number
  /** The default timeout of the connection's operations, in milliseconds; `Infinity` for none. */
  readonly timeout: number
}

export interface Target {
  /** The options of `connect`. */
  readonly options: net.NetConnectOpts
  /** The address, as errors list it, if it is one of those that a name stands for. */
  readonly address?: string
}

/** Options that Node's socket constructor takes, although its types do not say so. `connect` ignores them. */
interface KeptBySockets {
  readonly highWaterMark: number
  readonly noDelay: boolean
  readonly keepAlive: boolean
  readonly keepAliveInitialDelay: number
}

/** The silence before the first probe, in milliseconds. Middleboxes forget a flow after four minutes or more. */
const defaultKeepAlive = 60_000

const shared = (options: Tcp | Unix): Pick<Route, "connectTimeout" | "constructor" | "timeout"> => ({
  connectTimeout: options.connectTimeout,
  timeout: options.timeout,
  constructor: {
    allowHalfOpen: options.allowHalfOpen,
    ...(options.highWaterMark === undefined ? {} : { highWaterMark: options.highWaterMark })
  }
})

// --- TCP ------------------------------------------------------------------------------------------------------------

export const tcpRoute = (options: Tcp): Route => {
  const { attemptTimeout, host, keepAlive, localAddress, noDelay, port } = options
  const address = addressOf(host, port)
  const common = shared(options)
  return {
    ...common,
    constructor: {
      ...common.constructor,
      noDelay,
      keepAlive: keepAlive !== false,
      keepAliveInitialDelay: typeof keepAlive === "number" ? keepAlive : defaultKeepAlive
    },
    address,
    peer: { _tag: "TcpAddress", hostname: host, port },
    attemptTimeout: attemptTimeout ?? nodesAttemptTimeout(),
    targets: localAddress === undefined ?
      Effect.map(nodesTarget(options, address), (target) => [{ options: bare(target) }]) :
      targetsFrom(unmapped(localAddress), options, address)
  }
}

/** Node's default. Not every runtime tells it. */
const nodesAttemptTimeout = (): number => net.getDefaultAutoSelectFamilyAttemptTimeout?.() ?? 250

/** Lets Node try the addresses. */
const nodesTarget = (
  { attemptTimeout, host, lookup, port }: Tcp,
  address: string
): Effect.Effect<net.TcpNetConnectOpts, ConnectError> => {
  const target = {
    host,
    port,
    ...(attemptTimeout === undefined ? {} : { autoSelectFamilyAttemptTimeout: attemptTimeout })
  }
  return lookup === undefined || net.isIP(host) !== 0 ?
    Effect.succeed(target) :
    Effect.map(resolve(lookup, host, address), (found) => ({ ...target, lookup: answering(found) }))
}

/**
 * Finds the addresses that can be reached from `localAddress`: those of its family. Node does not choose among several
 * addresses once it has a `localAddress`.
 */
const targetsFrom = (
  localAddress: string,
  { host, lookup, port }: Tcp,
  address: string
): Effect.Effect<ReadonlyArray<Target>, ConnectError> => {
  const family = net.isIP(localAddress)
  const from = `localAddress ${localAddress} is an IPv${family} address`
  const target = (to: string) => bare({ host: to, port, localAddress })
  if (net.isIP(host) !== 0) {
    const to = unmapped(host)
    return net.isIP(to) === family ?
      Effect.succeed([{ options: target(to) }]) :
      failure("Unreachable", address, { cause: new Error(`${from}, and ${host} is none`) })
  }
  return Effect.flatMap(
    lookup === undefined ? systemsAddresses(host, address) : resolve(lookup, host, address),
    (found) => {
      const all = found.map(unmapped)
      const fitting = all.filter((one) => net.isIP(one) === family)
      if (fitting.length > 0) {
        return Effect.succeed(fitting.map((one) => ({ options: target(one), address: addressOf(one, port) })))
      }
      return dnsError(address, new Error(`${from}, and ${host} has only ${all.join(", ")}`))
    }
  )
}

/**
 * Writes an IPv4 address in IPv6 form (`::ffff:192.0.2.1`) as the IPv4 address that it is: it is reached by IPv4, and
 * systems refuse to mix the two forms in one connection.
 */
const unmapped = (address: string): string => {
  // Only an address of IPv6 without a zone is such a host of a URL, which is in canonical form.
  const mapped = net.isIPv6(address) && !address.includes("%") ?
    /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(new URL(`http://[${address}]`).hostname) :
    null
  if (mapped === null) return address
  return mapped.slice(1).map((part) => Number.parseInt(part, 16)).flatMap((part) => [part >> 8, part & 255]).join(".")
}

/** Asks the system's resolver in the way that Node does for a connection. */
const systemsAddresses = (host: string, address: string): Effect.Effect<ReadonlyArray<string>, ConnectError> =>
  async((resume) =>
    dns.lookup(host, bare({ all: true as const }), (error, found) =>
      resume(
        error === null ? Effect.succeed(found.map((one) => one.address)) : Effect.fail(connectError(error, address))
      ))
  )

/** Runs the user's resolver. Node's own hook would end the process on an empty list, and wait for ever on silence. */
const resolve = (
  lookup: NonNullable<Options["lookup"]>,
  host: string,
  address: string
): Effect.Effect<ReadonlyArray<string>, ConnectError> =>
  Effect.suspend(() => lookup(host)).pipe(
    Effect.mapError((cause) => dnsError(address, cause)),
    Effect.flatMap((found) => {
      const addresses = Array.isArray(found) ? found : []
      if (addresses.length === 0) return dnsError(address, new Error(`lookup returned no address for ${host}`))
      const wrong = addresses.find((one) => typeof one !== "string" || net.isIP(one) === 0)
      if (wrong === undefined) return Effect.succeed(addresses as ReadonlyArray<string>)
      const isPlain = typeof wrong === "string" && /^[!-~]{1,100}$/.test(wrong)
      const what = isPlain ? wrong : `a value of type ${typeof wrong}`
      return dnsError(address, new Error(`lookup returned ${what} for ${host}, which is no IP address`))
    })
  )

/** A resolver of the user's may fail with anything, such as an object whose getters throw. */
const codeOf = (cause: unknown): string | undefined => {
  try {
    const { code } = cause as { readonly code?: unknown }
    return typeof code === "string" ? code : undefined
  } catch {
    return undefined
  }
}

const dnsError = (address: string, cause: unknown): ConnectError => {
  const code = codeOf(cause)
  return failure(resolverReason(code), address, { cause, ...(code === undefined ? {} : { code }) })
}

const answering = (addresses: ReadonlyArray<string>): net.LookupFunction => {
  const found = addresses.map((address) => ({ address, family: net.isIP(address) }))
  return (_host, options, done) => {
    if (options.all === true) done(null, found)
    else done(null, found[0]!.address, found[0]!.family)
  }
}

// --- Unix -----------------------------------------------------------------------------------------------------------

/**
 * The bytes that fit into `sockaddr_un.sun_path` before the NUL. The system would cut a longer path and go elsewhere.
 */
const maxPathBytes = os.platform() === "linux" ? 107 : 103

export const unixRoute = (options: Unix): Route => {
  const { path } = options
  // An abstract name is shown as other tools show it.
  const shown = path.replace("\0", "@")
  return {
    ...shared(options),
    address: shown,
    peer: { _tag: "UnixAddress", path: shown },
    attemptTimeout: Infinity,
    targets: Buffer.byteLength(path) > maxPathBytes ?
      Effect.suspend(() => failure("PathTooLong", shown)) :
      Effect.succeed([{ options: bare({ path }) }])
  }
}
