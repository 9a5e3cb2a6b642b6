/** Addresses of servers as URLs. */
import * as Redacted from "effect/Redacted"

/** The options that a URL sets. */
export interface Target {
  readonly host?: string
  readonly port?: number
  readonly path?: string
  readonly tls?: true
  readonly username?: string
  readonly password?: Redacted.Redacted
  readonly database?: number
}

const rule =
  "redis://user:password@host:port/database, rediss:// for TLS, or unix:///path?database=0, without other parts"

/** The URL may hold a password, so the error shows only its scheme. Text before another colon may be one, too. */
const reject = (of: string, text: string): never => {
  const scheme = /^([a-z][a-z0-9+.-]{0,15}:(?=\/\/)|rediss?:|unix:)/i.exec(text)?.[0]
  throw new RangeError(`${of}: url must be ${rule}, but ${scheme ? `begins with ${scheme}` : "has no scheme"}`)
}

const parsed = (text: string): URL | undefined => {
  // `URL` drops some of these without a word.
  if (/[\s\p{Cc}]/u.test(text)) return undefined
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

const decoded = (part: string): string | undefined => {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

const isNumber = (text: string): boolean => /^\d{1,9}$/.test(text)

/** A value that cannot be read, such as a `Redacted` that was wiped, is no URL. */
const textOf = (given: unknown): string => {
  try {
    const bare = Redacted.isRedacted(given) ? Redacted.value(given) : given
    const text = typeof bare === "object" && bare !== null && "href" in bare ? bare.href : bare
    return typeof text === "string" ? text : ""
  } catch {
    return ""
  }
}

/** Throws a `RangeError` unless the URL names a server. */
export const targetOf = (of: string, given: unknown): Target => {
  const text = textOf(given)
  const fail = () => reject(of, text)
  const url = parsed(text)
  if (url === undefined || text.includes("#")) return fail()
  const username = decoded(url.username)
  const password = decoded(url.password)
  if (username === undefined || password === undefined) return fail()
  // A user without a password could not log in.
  if (username !== "" && password === "") return fail()
  const login = {
    ...(username === "" ? {} : { username }),
    ...(password === "" ? {} : { password: Redacted.make(password) })
  }
  const { hostname, pathname, port, protocol } = url
  if (protocol === "unix:") {
    const path = decoded(pathname)
    const database = /^\?database=(\d+)$/.exec(url.search)?.[1]
    if (hostname !== "" || path === undefined || path.length < 2) return fail()
    if (url.search !== "" && (database === undefined || !isNumber(database))) return fail()
    return { path, ...login, ...(database === undefined ? {} : { database: Number(database) }) }
  }
  if (protocol !== "redis:" && protocol !== "rediss:") return fail()
  const database = pathname.slice(1)
  if (hostname === "" || /[?]/.test(text) || (database !== "" && !isNumber(database))) return fail()
  return {
    // An IPv6 address has brackets in a URL only. `URL` leaves other letters of unknown schemes encoded.
    host: decoded(hostname.replace(/^\[(.*)\]$/, "$1")) ?? fail() as never,
    ...(port === "" ? {} : { port: Number(port) }),
    ...(protocol === "rediss:" ? { tls: true as const } : {}),
    ...login,
    ...(database === "" ? {} : { database: Number(database) })
  }
}
