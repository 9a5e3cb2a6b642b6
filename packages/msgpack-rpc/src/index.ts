/**
 * @since 0.2.0
 */
export * as MsgpackRpc from "./MsgpackRpc.js"
/**
 * @since 0.2.0
 */
export * from "./RpcError.js"
