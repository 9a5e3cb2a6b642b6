import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { connectError } from "../src/internal/connectError.js"

/** Makes an error as Node raises it. */
const raised = (code: string, syscall: string) => Object.assign(new Error(code), { code, syscall })

describe("connectError", () => {
  it.each([
    ["getaddrinfo", "ENOTFOUND", "Dns"],
    ["getaddrinfo", "EAI_AGAIN", "Dns"],
    ["getaddrinfo", "EMFILE", "LocalResources"],
    ["getaddrinfo", "EBUSY", "LocalResources"],
    ["getaddrinfo", "EAI_MEMORY", "LocalResources"],
    ["connect", "EMFILE", "LocalResources"],
    ["connect", "ECONNREFUSED", "Refused"],
    ["connect", "ETIMEDOUT", "Timeout"],
    ["connect", "EINVAL", "Other"]
  ])("reports %s %s as reason %s", (syscall, code, reason) => {
    expect(connectError(raised(code, syscall), "db.test:1")).toMatchObject({ reason, code, address: "db.test:1" })
  })
})
