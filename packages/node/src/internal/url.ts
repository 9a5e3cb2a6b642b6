/** Addresses of servers as URLs. */

export type Target =
  | { readonly kind: "tcp" | "tls"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }

const rule = "tcp://host:port, tls://host:port or unix:///path, without user, password, query and fragment"

/** The URL may hold a password, so the error shows only its scheme. The text before another colon may be one, too. */
const reject = (url: string): never => {
  const scheme = /^([a-z][a-z0-9+.-]{0,15}:(?=\/\/)|tcp:|tls:|unix:)/i.exec(url)?.[0]
  throw new RangeError(
    `TcpPool.fromUrl: url must be ${rule}, but ${scheme ? `begins with ${scheme}` : "has no scheme"}`
  )
}

const parsed = (url: string): URL | undefined => {
  // `URL` drops some of these without a word.
  if (/[\s\p{Cc}]/u.test(url)) return undefined
  try {
    return new URL(url)
  } catch {
    return undefined
  }
}

const decoded = (path: string): string | undefined => {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

/** A `URL` may be of another realm. */
const textOf = (given: unknown): string => {
  const text = typeof given === "object" && given !== null && "href" in given ? given.href : given
  return typeof text === "string" ? text : ""
}

/** Throws a `RangeError` unless the URL names a server and nothing else. */
export const targetOf = (given: string | URL): Target => {
  const text = textOf(given)
  const url = parsed(text)
  if (url === undefined || /[@?#]/.test(text)) return reject(text)
  const { hostname, pathname, port, protocol } = url
  if (protocol === "unix:") {
    const path = decoded(pathname)
    return hostname === "" && path !== undefined && path.length > 1 ? { kind: "unix", path } : reject(text)
  }
  if (protocol !== "tcp:" && protocol !== "tls:") return reject(text)
  if (hostname === "" || port === "" || (pathname !== "" && pathname !== "/")) return reject(text)
  return {
    kind: protocol === "tcp:" ? "tcp" : "tls",
    // An IPv6 address has brackets in a URL only.
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port)
  }
}
