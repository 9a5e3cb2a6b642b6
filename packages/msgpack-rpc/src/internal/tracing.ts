/** Spans, under OpenTelemetry's names. */

export const rpcAttributes = (method: string): Readonly<Record<string, string>> => ({
  "rpc.system": "msgpack_rpc",
  "rpc.method": method
})
