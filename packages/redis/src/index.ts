/**
 * @since 3.0.0
 */
export { type EndpointsOptions, type FailFast, type Options, Redis, type ServiceClass } from "./Redis.js"
export type * from "./RedisClient.js"
export type * from "./RedisCommands.js"
export * from "./RedisError.js"
