/**
 * @since 3.0.0
 */
export * as Dns from "./Dns.js"
export { DnsError } from "./DnsError.js"
export * as EndpointsFile from "./EndpointsFile.js"
export type { Peer } from "./Peer.js"
export * as PlatformSocket from "./PlatformSocket.js"
export * as TcpConnection from "./TcpConnection.js"
export * as TcpPool from "./TcpPool.js"
export { TcpPoolLive } from "./TcpPool.js"
export * as TlsConnection from "./TlsConnection.js"
export * as TlsPool from "./TlsPool.js"
export { TlsPoolLive } from "./TlsPool.js"
export * as UnixConnection from "./UnixConnection.js"
export * as UnixPool from "./UnixPool.js"
export { UnixPoolLive } from "./UnixPool.js"
