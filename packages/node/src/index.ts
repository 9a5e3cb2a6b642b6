/**
 * @since 0.1.0
 */
export * as TcpConnection from "./TcpConnection.js"
/**
 * @since 0.1.0
 */
export * as TcpPool from "./TcpPool.js"
/**
 * @since 0.1.0
 */
export { TcpPoolLive } from "./TcpPool.js"
