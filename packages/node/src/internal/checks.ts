/** The rules of options that only sockets have. */
import { type Rule, rules } from "@socketpool/core/Checks"
import * as Redacted from "effect/Redacted"
import { X509Certificate } from "node:crypto"
import * as net from "node:net"
import * as url from "node:url"

const { bytes, duration, host, list, name, oneOf, secret, text, that } = rules

/**
 * A host name or an address, as the resolver and TLS take it: a name of other letters than ASCII in its encoded form
 * (IDNA), an IPv6 address without brackets.
 */
export const hostName: Rule<string> = (value, at) => {
  const given = host(value, at)
  if (net.isIP(given) !== 0) return given
  if (given.includes(":")) at.refuse(value, "a host name or an IP address")
  if (/^[\x21-\x7e]+$/.test(given)) return given
  const encoded = url.domainToASCII(given)
  // Digits of other scripts would become an address.
  return encoded === "" || net.isIP(encoded) !== 0 ? at.refuse(value, "a name that DNS can hold") : encoded
}

export const port: Rule<number> = rules.count(1, 65_535)

export const ipAddress: Rule<string> = that(
  (value) => typeof value === "string" && net.isIP(value) !== 0,
  "an IP address"
)

/** The path of a socket's file. A name that begins with NUL is an abstract one of Linux, which has no file. */
export const socketPath: Rule<string> = (value, at) => {
  const given = text(value, at)
  if (given === "\0") at.refuse(value, "a path without control characters")
  name(given.replace(/^\0/, ""), at)
  return given
}

export const attemptTimeout: Rule<number> = (value, at) => {
  const rule = "a duration of whole milliseconds, less than 25 days"
  const millis = duration("0 or more", rule, 2 ** 31 - 1)(value, at)
  if (!Number.isInteger(millis)) at.refuse(value, rule)
  // Node would silently raise less to 10.
  return millis < 10 ? at.refuse(value, "at least 10 ms") : millis
}

/** `TCP_KEEPIDLE` is in seconds, and the system accepts no more than this. */
const maxKeepAliveSeconds = 32_767

export const keepAlive: Rule<boolean | number> = (value, at) => {
  if (typeof value === "boolean") return value
  const rule = `a boolean or a duration of whole seconds, at most ${maxKeepAliveSeconds}`
  const millis = duration("0 or more", rule, maxKeepAliveSeconds * 1000)(value, at)
  if (millis === 0) at.refuse(value, "a duration of more than 0")
  return millis % 1000 === 0 ? millis : at.refuse(value, rule)
}

// --- Discoveries ----------------------------------------------------------------------------------------------------

/** The path of a file, in one line: it stands in the log. */
export const filePath: Rule<string> = name

export const weight: Rule<number> = that(
  (value) => Number.isFinite(value) && (value as number) > 0,
  "a number of more than 0"
)

/** The name of SRV records. */
export const serviceName: Rule<string> = (value, at) => {
  const name = hostName(value, at)
  return net.isIP(name) === 0 ? name : at.refuse(value, "a name such as _service._tcp.example.com")
}

const dnsServer: Rule<string> = (value, at) => {
  const rule = "an IP address, or one with a port such as 10.0.0.2:53 or [fd00::2]:53"
  const given = typeof value === "string" ? value : at.refuse(value, rule)
  const [, inBrackets, bare, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(given) ?? []
  const isRight = net.isIP(given) !== 0 ||
    (net.isIPv6(inBrackets ?? "") || net.isIPv4(bare ?? "")) &&
      (port === undefined || Number(port) > 0 && Number(port) <= 65_535)
  return isRight ? given : at.refuse(value, rule)
}

export const dnsServers: Rule<ReadonlyArray<string>> = list(dnsServer, "an array of at least one IP address", 1)

/** Above that a query is as good as lost, and the resolver takes no longer times than 24 days. */
const longestQuery = 300_000

export const queryTimeout: Rule<number> = duration(
  "more than 0",
  "a duration of more than 0, at most 5 minutes",
  longestQuery
)

// --- TLS ------------------------------------------------------------------------------------------------------------

const pem: Rule<string | Buffer> = (value, at) => {
  const given = bytes(value, at)
  return typeof value === "string" ? value : Buffer.from(given)
}

/** OpenSSL would accept a text without a certificate in silence, and trust or present nobody. */
const certificate: Rule<string | Buffer> = secret((value, at) => {
  const rule = "a certificate as PEM"
  const given = typeof value === "string" || value instanceof Uint8Array ? pem(value, at) : at.refuse(value, rule)
  try {
    void new X509Certificate(given)
  } catch {
    return at.refuse(value, rule)
  }
  return given
})

export const authorities: Rule<ReadonlyArray<string | Buffer>> = (value, at) =>
  Array.isArray(value) ?
    list(certificate, "a certificate as PEM, or an array of at least one", 1)(value, at) :
    [certificate(value, at)]

export { certificate }

const redacted = <A>(inner: Rule<A>, rule: string): Rule<A> =>
  secret((value, at) => Redacted.isRedacted(value) ? inner(Redacted.value(value), at) : at.refuse(value, rule))

export const privateKey: Rule<string | Buffer> = redacted(pem, "a Redacted with a private key as PEM")

export const passphrase: Rule<string> = redacted(text, "a Redacted string")

export const protocols: Rule<ReadonlyArray<string>> = list<string>(
  (value, at) =>
    Buffer.byteLength(name(value, at)) > 255 ? at.refuse(value, "a name of at most 255 bytes") : value as string,
  "an array of protocol names"
)

export const version = oneOf("TLSv1.2", "TLSv1.3")
