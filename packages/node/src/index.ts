/**
 * @since 3.0.0
 */
export * as Dns from "./Dns.js"
/**
 * @since 3.0.0
 */
export { DnsError } from "./DnsError.js"
/**
 * @since 3.0.0
 */
export * as EndpointsFile from "./EndpointsFile.js"
/**
 * @since 3.0.0
 */
export type { Peer } from "./Peer.js"
/**
 * @since 3.0.0
 */
export * as PlatformSocket from "./PlatformSocket.js"
/**
 * @since 3.0.0
 */
export * as TcpConnection from "./TcpConnection.js"
/**
 * @since 3.0.0
 */
export * as TcpPool from "./TcpPool.js"
/**
 * @since 3.0.0
 */
export { TcpPoolLive } from "./TcpPool.js"
/**
 * @since 3.0.0
 */
export * as TlsConnection from "./TlsConnection.js"
/**
 * @since 3.0.0
 */
export * as TlsPool from "./TlsPool.js"
/**
 * @since 3.0.0
 */
export { TlsPoolLive } from "./TlsPool.js"
/**
 * @since 3.0.0
 */
export * as UnixConnection from "./UnixConnection.js"
/**
 * @since 3.0.0
 */
export * as UnixPool from "./UnixPool.js"
/**
 * @since 3.0.0
 */
export { UnixPoolLive } from "./UnixPool.js"
