/**
 * @since 0.1.0
 */
export * as ByteBuffer from "./ByteBuffer.js"
export * from "./Connection.js"
export * from "./ConnectionError.js"
export { type ConnectionPool, isConnectionPool } from "./ConnectionPool.js"
export * as Framing from "./Framing.js"
export { type Accessors, Pool, type PoolOptions, type ServiceClass } from "./Pool.js"
export * as PoolAdvice from "./PoolAdvice.js"
export * from "./PoolError.js"
export * from "./PoolEvent.js"
export * from "./PoolLease.js"
export * as PoolMetrics from "./PoolMetrics.js"
export * from "./PoolStats.js"
export * from "./PoolTimes.js"
export * as Transport from "./Transport.js"
export * as TransportPool from "./TransportPool.js"
export * as TransportSession from "./TransportSession.js"
