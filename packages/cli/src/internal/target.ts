/** The address of a server: `tcp://host:port`, `tls://host:port` or `unix:/path`. */
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type { Pool, PoolOptions } from "@socketpool/core/Pool"
import * as TcpConnection from "@socketpool/node/TcpConnection"
import * as TcpPool from "@socketpool/node/TcpPool"
import * as TlsConnection from "@socketpool/node/TlsConnection"
import * as TlsPool from "@socketpool/node/TlsPool"
import * as UnixConnection from "@socketpool/node/UnixConnection"
import * as UnixPool from "@socketpool/node/UnixPool"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type Failure, usageError } from "./failure.js"
import type { Login } from "./login.js"

export type Target =
  | { readonly kind: "tcp" | "tls"; readonly host: string; readonly port: number; readonly text: string }
  | { readonly kind: "unix"; readonly path: string; readonly text: string }

const rule = "tcp://host:port, tls://host:port or unix:/path"

/**
 * Quotes an address in an error, without what may be a secret: a user and a password before an `@`, and everything
 * after `?` or `#`.
 */
export const quoted = (address: string): string =>
  JSON.stringify(
    address.replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/is, "$1***@").replace(/[?#].*/s, (rest) => `${rest[0]}***`)
  )

export const parse = (text: string): Effect.Effect<Target, Failure> =>
  Effect.suspend((): Effect.Effect<Target, Failure> => {
    const error = usageError(`The server must be ${rule}, but is ${quoted(text)}`)
    if (/^unix:.+/.test(text)) {
      return Effect.succeed({ kind: "unix", path: text.replace(/^unix:(\/\/)?/, ""), text })
    }
    const [, kind, host, port] = /^(tcp|tls):\/\/(\[[\da-f:.%]+\]|[^\s\p{Cc}:/@?#[\]\\]+):(\d{1,5})\/?$/iu.exec(text) ??
      []
    const number = Number(port)
    if (kind === undefined || host === undefined || number < 1 || number > 65_535) return error
    return Effect.succeed({
      kind: kind.toLowerCase() as "tcp" | "tls",
      host: host.replace(/^\[|\]$/g, ""),
      port: number,
      text
    })
  })

export const poolLayer = (
  target: Target,
  options: Pick<PoolOptions<never, never, never>, "maxConnections" | "name" | "maxPending"> & {
    readonly timeout: Duration.DurationInput
    readonly login: Login | undefined
  }
): Layer.Layer<Pool> => {
  const { login, ...rest } = options
  const shared = { ...rest, ...(login === undefined ? {} : { handshake: login }) }
  if (target.kind === "unix") return UnixPool.layer({ ...shared, path: target.path })
  const { host, kind, port } = target
  return kind === "tls" ? TlsPool.layer({ ...shared, host, port }) : TcpPool.layer({ ...shared, host, port })
}

/** Opens a connection that closes with the scope. */
export const open = (target: Target): Effect.Effect<Connection, ConnectError, Scope.Scope> =>
  target.kind === "unix"
    ? UnixConnection.open({ path: target.path })
    : target.kind === "tls"
    ? TlsConnection.open({ host: target.host, port: target.port })
    : TcpConnection.open({ host: target.host, port: target.port })
