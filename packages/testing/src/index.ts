/**
 * @since 0.1.0
 */
export * as Interruptions from "./Interruptions.js"
/**
 * @since 0.1.0
 */
export * as ScriptedConnector from "./ScriptedConnector.js"
