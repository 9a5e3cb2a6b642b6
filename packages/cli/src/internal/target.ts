/** The address of a server: `tcp://host:port`, `tls://host:port` or `unix:/path`. */
import type { Pool, PoolOptions } from "@socketpool/core/Pool"
import * as TcpPool from "@socketpool/node/TcpPool"
import * as TlsPool from "@socketpool/node/TlsPool"
import * as UnixPool from "@socketpool/node/UnixPool"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { type Failure, usageError } from "./failure.js"

export type Target =
  | { readonly kind: "tcp" | "tls"; readonly host: string; readonly port: number; readonly text: string }
  | { readonly kind: "unix"; readonly path: string; readonly text: string }

const rule = "tcp://host:port, tls://host:port or unix:/path"

export const parse = (text: string): Effect.Effect<Target, Failure> =>
  Effect.suspend((): Effect.Effect<Target, Failure> => {
    const error = usageError(`The server must be ${rule}, but is ${JSON.stringify(text)}`)
    if (/^unix:.+/.test(text)) {
      return Effect.succeed({ kind: "unix", path: text.replace(/^unix:(\/\/)?/, ""), text })
    }
    const [, kind, host, port] = /^(tcp|tls):\/\/(\[[^\]]+\]|[^:/]+):(\d{1,5})\/?$/.exec(text) ?? []
    const number = Number(port)
    if (kind === undefined || host === undefined || number < 1 || number > 65_535) return error
    return Effect.succeed({
      kind: kind as "tcp" | "tls",
      host: host.replace(/^\[|\]$/g, ""),
      port: number,
      text
    })
  })

export const poolLayer = (
  target: Target,
  options: Pick<PoolOptions<never, never, never>, "maxConnections" | "acquireTimeout" | "name" | "maxPending"> & {
    readonly timeout: string
  }
): Layer.Layer<Pool> => {
  const shared = { ...options, timeout: options.timeout as "10 seconds" }
  if (target.kind === "unix") return UnixPool.layer({ ...shared, path: target.path })
  const { host, kind, port } = target
  return kind === "tls" ? TlsPool.layer({ ...shared, host, port }) : TcpPool.layer({ ...shared, host, port })
}
