// A server's text reaches a log or a terminal in the message of an error.
import { RedisError } from "@socketpool/redis"
import { describe, expect, it } from "@socketpool/test-seam/vitest"

describe("the message of an error", () => {
  it("has no character of the server's that steers a terminal, turns text around or ends the line, and is bounded", () => {
    const hostile = "a\u001b[31mred\u202etxt\r\nnext\u2028\u200b redis://user:secret@host"
    const { message } = new RedisError({ code: "ERR", command: "GET", detail: hostile })
    expect(message).toBe(
      "GET failed: ERR a\\u001b[31mred\\u202etxt\\r\\nnext\\u2028\\u200b redis://***@host."
    )
    expect(new RedisError({ code: "ERR", command: "GET", detail: "x".repeat(1e6) }).message.length).toBeLessThan(400)
  })
})
