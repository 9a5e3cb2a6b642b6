/** The seam between the tests and the runner for effects: `it.scoped` and `it.scopedLive` are in one edition only. */
export * from "@effect/vitest"
