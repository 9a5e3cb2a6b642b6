/**
 * @since 3.0.0
 */
export * as MsgpackRpc from "./MsgpackRpc.js"
/**
 * @since 3.0.0
 */
export * from "./RpcError.js"
