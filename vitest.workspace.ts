/**
 * The projects that make up the test run. `vitest.config.ts` hands this list to `test.projects`, which is what
 * Vitest 3.2 wants in place of auto-discovery.
 *
 * Core's tests compute and run in threads, the others wait for sockets and processes and run in processes beside them.
 * Those of one project share workers, so that each worker loads Effect once.
 */
import type { TestProjectInlineConfiguration } from "vitest/config"

const masked = "packages/core/test/masked.test.ts"

const project = (
  name: string,
  pool: "threads" | "forks",
  include: string,
  exclude: ReadonlyArray<string> = []
): TestProjectInlineConfiguration => ({
  test: {
    name,
    pool,
    include: [include],
    exclude: [...exclude],
    setupFiles: ["packages/tools/vitest.setup.ts"],
    sequence: { concurrent: false },
    // Only so that a test that hangs ends: how fast the machine is decides nothing.
    testTimeout: 180_000,
    hookTimeout: 180_000
  }
})

const projects = [
  project("core", "threads", "packages/core/test/**/*.test.ts", [masked]),
  // It replaces a module, so it shares its modules with no other. It runs in a process, beside core's and not after them.
  project("core masked", "forks", masked),
  project("others", "forks", "packages/*/test/**/*.test.ts", ["packages/core/**"])
]

export default projects
