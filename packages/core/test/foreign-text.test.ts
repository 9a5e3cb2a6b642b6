import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { describeError } from "../src/internal/describe.js"

describe("the text of an error", () => {
  it.each([
    ["connect ECONNREFUSED 10.0.0.7:5432", "connect ECONNREFUSED 10.0.0.7:5432"],
    ["auth failed for redis://admin:hunter2@db", "auth failed for redis://***@db"],
    ["auth failed for redis://:hunter2@db:6379/0", "auth failed for redis://***@db:6379/0"],
    ["auth failed for redis://hunter2@db", "auth failed for redis://***@db"],
    ["at (postgres://u:hunter2@a/x) and POSTGRES://u:hunter2@b", "at (postgres://***@a/x) and POSTGRES://***@b"],
    ["amqp://u:hunt@er2@db", "amqp://***@db"],
    ["amqp://u:hunt/er2?#@db", "amqp://***@db"],
    ["mail ops@example.test about tcp://db:1", "mail ops@example.test about tcp://db:1"]
  ])("%s", (text, shown) => {
    expect(describeError(text)).toBe(shown)
  })

  it("has at most 300 characters, and hides a password that reaches beyond them", () => {
    expect(describeError("x".repeat(300))).toBe("x".repeat(300))
    expect(describeError("x".repeat(301))).toBe(`${"x".repeat(299)}…`)
    const long = describeError(`${"x".repeat(280)} redis://admin:${"hunter2".repeat(20)}@db`)
    expect(long.length).toBeLessThanOrEqual(300)
    expect(long).not.toContain("hunter")
  })

  it("is found fast in a long text", () => {
    expect(describeError("://".repeat(1_000_000))).toHaveLength(300)
  })
})
