import shared from "../tools/vitest.shared.js"

/** For the one file that replaces a module: it shares its modules with no other. */
export default {
  ...shared,
  test: { ...shared.test, name: "@socketpool/core masked", include: ["test/masked.test.ts"], pool: "threads" }
}
