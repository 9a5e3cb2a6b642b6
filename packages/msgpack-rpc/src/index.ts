/**
 * @since 3.0.0
 */
export * as MsgpackRpc from "./MsgpackRpc.js"
export * from "./RpcError.js"
