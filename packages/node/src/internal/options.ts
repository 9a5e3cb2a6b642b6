/** The options of sockets: which rule each follows. */
import { type Rows, rules, Table } from "@socketpool/core/Checks"
import * as TransportPool from "@socketpool/core/TransportPool"
import * as net from "node:net"
import type * as Dns from "../Dns.js"
import type * as EndpointsFile from "../EndpointsFile.js"
import type * as TcpConnection from "../TcpConnection.js"
import type * as TlsConnection from "../TlsConnection.js"
import type * as UnixConnection from "../UnixConnection.js"
import * as Checks from "./checks.js"

const { callback, count, duration, flag, oneOf, optional, orElse } = rules

const socket = {
  connectTimeout: orElse(duration("more than 0"), "5 seconds"),
  timeout: orElse(duration("more than 0"), Infinity),
  highWaterMark: optional(count(1)),
  allowHalfOpen: orElse(flag, false)
}

export const tcpConnection = new Table(
  {
    ...socket,
    host: Checks.hostName,
    port: Checks.port,
    lookup: optional(callback),
    attemptTimeout: optional(Checks.attemptTimeout),
    localAddress: optional(Checks.ipAddress),
    keepAlive: orElse(Checks.keepAlive, true),
    noDelay: orElse(flag, true)
  } satisfies Rows<TcpConnection.Options>
)

export const unixConnection = new Table(
  { ...socket, path: Checks.socketPath } satisfies Rows<UnixConnection.Options>
)

export const security = new Table(
  {
    servername: optional(Checks.hostName),
    ca: optional(Checks.authorities),
    cert: optional(Checks.certificate),
    key: optional(Checks.privateKey),
    passphrase: optional(Checks.passphrase),
    alpn: optional(Checks.protocols),
    minVersion: optional(Checks.version),
    resume: orElse(flag, true),
    dangerouslySkipVerification: orElse(flag, false)
  } satisfies Rows<TlsConnection.SecurityOptions>,
  [
    ({ cert, key, passphrase }, refuse) => {
      if ((cert === undefined) !== (key === undefined)) {
        refuse(cert === undefined ? "cert" : "key", undefined, "given with the other of cert and key")
      }
      if (passphrase !== undefined && key === undefined) refuse("key", undefined, "given with its passphrase")
    }
  ]
)

export const tlsConnection = tcpConnection
  .with(security.rules, ...security.also)
  .with({ startTls: optional(callback) })

export const tcpPool = TransportPool.options.with(tcpConnection.rules)

export const tlsPool = TransportPool.options.with(tlsConnection.rules, ...tlsConnection.also)

export const unixPool = TransportPool.options.with(unixConnection.rules)

// --- Discoveries ----------------------------------------------------------------------------------------------------

const asks = {
  servers: optional(Checks.dnsServers),
  interval: optional(duration("more than 0")),
  timeout: orElse(Checks.queryTimeout, "5 seconds"),
  family: optional(oneOf(4, 6))
}

export const dnsAddresses = new Table(
  {
    ...asks,
    host: Checks.hostName,
    port: Checks.port,
    weight: orElse(Checks.weight, 1),
    tier: orElse(count(0), 0)
  } satisfies Rows<Dns.AddressesOptions>,
  [
    ({ family, host }, refuse) => {
      const own = net.isIP(host)
      if (family !== undefined && own !== 0 && family !== own) refuse("family", family, `${own}, as that of host is`)
    }
  ]
)

export const dnsSrv = new Table({ ...asks, name: Checks.serviceName } satisfies Rows<Dns.SrvOptions>)

export const endpointsFile = new Table(
  { interval: orElse(duration("more than 0"), "5 seconds") } satisfies Rows<EndpointsFile.Options>
)

/** Checked options. */
export type Tcp = ReturnType<typeof tcpConnection.read>
export type Unix = ReturnType<typeof unixConnection.read>
export type Security = ReturnType<typeof security.read>
export type Tls = ReturnType<typeof tlsConnection.read>
