/** Routes: checked options in the form that Node's sockets take. */
import type { Address } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import * as Effect from "effect/Effect"
import * as net from "node:net"
import * as os from "node:os"
import type { Options } from "../TcpConnection.js"
import { bare } from "./bare.js"
import { addressOf, failure, resolverReason } from "./connectError.js"
import type { Tcp, Unix } from "./options.js"

export interface Route {
  /** The peer, as errors name it. */
  readonly address: string
  readonly peer: Address
  /** In milliseconds. */
  readonly connectTimeout: number
  /** The options of the socket's constructor. */
  readonly constructor: { readonly allowHalfOpen: boolean } & net.SocketConstructorOpts & Partial<KeptBySockets>
  /** Computes the options of `connect`. This may ask a resolver. */
  readonly target: Effect.Effect<net.NetConnectOpts, ConnectError>
  /** The default timeout of the connection's operations, in milliseconds; `Infinity` for none. */
  readonly timeout: number
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
  const { attemptTimeout, host, keepAlive, localAddress, lookup, noDelay, port } = options
  const address = addressOf(host, port)
  const target: net.TcpNetConnectOpts = {
    host,
    port,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(attemptTimeout === undefined ? {} : { autoSelectFamilyAttemptTimeout: attemptTimeout })
  }
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
    target: lookup === undefined || net.isIP(host) !== 0 ?
      Effect.succeed(bare(target)) :
      Effect.map(resolve(lookup, host, address), (found) => bare({ ...target, lookup: found }))
  }
}

/** Runs the user's resolver. Node's own hook would end the process on an empty list, and wait for ever on silence. */
const resolve = (
  lookup: NonNullable<Options["lookup"]>,
  host: string,
  address: string
): Effect.Effect<net.LookupFunction, ConnectError> =>
  Effect.suspend(() => lookup(host)).pipe(
    Effect.mapError((cause) => dnsError(address, cause)),
    Effect.flatMap((found) => {
      const addresses = Array.isArray(found) ? found : []
      if (addresses.length === 0) return dnsError(address, new Error(`lookup returned no address for ${host}`))
      const wrong = addresses.find((one) => typeof one !== "string" || net.isIP(one) === 0)
      if (wrong !== undefined) {
        const isPlain = typeof wrong === "string" && /^[!-~]{1,100}$/.test(wrong)
        const what = isPlain ? wrong : `a value of type ${typeof wrong}`
        return dnsError(address, new Error(`lookup returned ${what} for ${host}, which is no IP address`))
      }
      return Effect.succeed(answering(addresses.map((one) => ({ address: one, family: net.isIP(one) }))))
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

const answering =
  (found: ReadonlyArray<{ readonly address: string; readonly family: number }>): net.LookupFunction =>
  (_host, options, done) => {
    if (options.all === true) done(null, [...found])
    else done(null, found[0]!.address, found[0]!.family)
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
    target: Buffer.byteLength(path) > maxPathBytes ?
      Effect.suspend(() => failure("PathTooLong", shown)) :
      Effect.succeed(bare({ path }))
  }
}
