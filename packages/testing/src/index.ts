/**
 * @since 3.0.0
 */
export * as ConnectionContract from "./ConnectionContract.js"
/**
 * @since 3.0.0
 */
export * as FaultProxy from "./FaultProxy.js"
/**
 * @since 3.0.0
 */
export * as Interruptions from "./Interruptions.js"
/**
 * @since 3.0.0
 */
export * as MemoryConnection from "./MemoryConnection.js"
/**
 * @since 3.0.0
 */
export * as MemoryServer from "./MemoryServer.js"
/**
 * @since 3.0.0
 */
export * as Rng from "./Rng.js"
/**
 * @since 3.0.0
 */
export * as ScriptedConnector from "./ScriptedConnector.js"
/**
 * @since 3.0.0
 */
export * as Simulation from "./Simulation.js"
/**
 * @since 3.0.0
 */
export * as Spans from "./Spans.js"
/**
 * @since 3.0.0
 */
export * as SteppingScheduler from "./SteppingScheduler.js"
