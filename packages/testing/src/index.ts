/**
 * @since 3.0.0
 */
export * as ConnectionContract from "./ConnectionContract.js"
export * as FaultProxy from "./FaultProxy.js"
export * as Interruptions from "./Interruptions.js"
export * as MemoryConnection from "./MemoryConnection.js"
export * as MemoryServer from "./MemoryServer.js"
export * as Rng from "./Rng.js"
export * as ScriptedConnector from "./ScriptedConnector.js"
export * as Simulation from "./Simulation.js"
export * as Spans from "./Spans.js"
export * as SteppingScheduler from "./SteppingScheduler.js"
