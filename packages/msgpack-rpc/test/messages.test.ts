// A server's text reaches a log or a terminal in the message of an error.
import { DecodingError, RpcError } from "@socketpool/msgpack-rpc"
import { describe, expect, it } from "@socketpool/test-seam/vitest"

const hostile = "a\u001b[31mred\u202etxt\r\nnext\u200b"
const shown = "a\\u001b[31mred\\u202etxt\\r\\nnext\\u200b"

describe("the message of an error", () => {
  it("has no character of the server's that steers a terminal, turns text around or ends the line, and is bounded", () => {
    expect(new RpcError({ method: hostile, error: hostile }).message).toBe(
      `The server answered the call of ${shown} with an error: ${shown}`
    )
    expect(new DecodingError({ method: "m", cause: new Error(hostile) }).message).toContain(shown)
    expect(new RpcError({ method: "m", error: "x".repeat(1e6) }).message.length).toBeLessThan(400)
  })
})
