/** Routes: checked options in the form that Node's sockets take. */
import type { Address } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as net from "node:net"
import * as os from "node:os"
import type { Options as TcpOptions } from "../TcpConnection.js"
import type { Options as UnixOptions } from "../UnixConnection.js"
import { Checks, own } from "./checks.js"
import { addressOf, failure, resolverReason } from "./connectError.js"

export interface Route {
  /** The peer, as errors name it. */
  readonly address: string
  readonly peer: Address
  readonly connectTimeout: Duration.Duration
  /** The options of the socket's constructor. */
  readonly constructor: { readonly allowHalfOpen: boolean } & net.SocketConstructorOpts & Partial<KeptBySockets>
  /** Computes the options of `connect`. This may ask a resolver. */
  readonly target: Effect.Effect<net.NetConnectOpts, ConnectError>
  /** The default timeout of the connection's operations. */
  readonly timeout: Duration.DurationInput | undefined
}

/** Options that Node's socket constructor takes, although its types do not say so. `connect` ignores them. */
interface KeptBySockets {
  readonly highWaterMark: number
  readonly noDelay: boolean
  readonly keepAlive: boolean
  readonly keepAliveInitialDelay: number
}

const defaultConnectTimeout = "5 seconds"

/** Shorter than the four minutes or more after which middleboxes forget a flow. Linux itself waits two hours. */
const defaultKeepAlive = "60 seconds"

/** `TCP_KEEPIDLE` is in seconds, and the system accepts no more than this. */
const maxKeepAliveSeconds = 32_767

interface Shared {
  readonly connectTimeout?: Duration.DurationInput
  readonly timeout?: Duration.DurationInput
  readonly highWaterMark?: number
  readonly allowHalfOpen?: boolean
}

const shared = (checks: Checks, options: Shared): Pick<Route, "connectTimeout" | "constructor" | "timeout"> => {
  checks.whole("highWaterMark", options.highWaterMark, 1)
  return {
    connectTimeout: checks.duration("connectTimeout", options.connectTimeout ?? defaultConnectTimeout),
    timeout: options.timeout === undefined ? undefined : checks.duration("timeout", options.timeout),
    constructor: {
      allowHalfOpen: options.allowHalfOpen === true,
      ...(options.highWaterMark === undefined ? {} : { highWaterMark: options.highWaterMark })
    }
  }
}

// --- TCP ------------------------------------------------------------------------------------------------------------

/** Checks the options. Throws a `RangeError` that names the option, the value and the rule. */
export const tcpRoute = (given: TcpOptions, of: string): Route => {
  const checks = new Checks(of)
  const options = own(given)
  const { attemptTimeout, host, keepAlive, localAddress, lookup, noDelay, port } = options
  checks.text("host", host)
  checks.whole("port", port, 1, 65_535)
  if (localAddress !== undefined && net.isIP(localAddress) === 0) {
    checks.reject("localAddress", localAddress, "an IP address")
  }
  const silence = typeof keepAlive === "boolean" || keepAlive === undefined ? defaultKeepAlive : keepAlive
  const initialDelay = Duration.toMillis(checks.duration("keepAlive", silence))
  if (initialDelay % 1000 !== 0 || initialDelay > maxKeepAliveSeconds * 1000) {
    checks.reject("keepAlive", keepAlive, `a boolean or a duration of whole seconds, at most ${maxKeepAliveSeconds}`)
  }
  const attempt = attemptTimeout === undefined ?
    undefined :
    Duration.toMillis(checks.duration("attemptTimeout", attemptTimeout))
  // Node would silently raise less to 10.
  if (attempt !== undefined && attempt < 10) checks.reject("attemptTimeout", attempt, "at least 10 ms")
  const address = addressOf(host, port)
  const target: net.TcpNetConnectOpts = {
    host,
    port,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(attempt === undefined ? {} : { autoSelectFamilyAttemptTimeout: attempt })
  }
  const common = shared(checks, options)
  return {
    ...common,
    constructor: {
      ...common.constructor,
      noDelay: noDelay ?? true,
      keepAlive: keepAlive !== false,
      keepAliveInitialDelay: initialDelay
    },
    address,
    peer: { _tag: "TcpAddress", hostname: host, port },
    target: lookup === undefined || net.isIP(host) !== 0 ?
      Effect.succeed(target) :
      Effect.map(resolve(lookup, host, address), (found) => ({ ...target, lookup: found }))
  }
}

/** Runs the user's resolver. Node's own hook would end the process on an empty list, and wait for ever on silence. */
const resolve = (
  lookup: NonNullable<TcpOptions["lookup"]>,
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

/** Checks the options. Throws a `RangeError` that names the option, the value and the rule. */
export const unixRoute = (given: UnixOptions, of: string): Route => {
  const checks = new Checks(of)
  const options = own(given)
  const { path } = options
  checks.text("path", path)
  return {
    ...shared(checks, options),
    address: path,
    peer: { _tag: "UnixAddress", path },
    target: Buffer.byteLength(path) > maxPathBytes ?
      Effect.suspend(() => failure("PathTooLong", path)) :
      Effect.succeed({ path })
  }
}
