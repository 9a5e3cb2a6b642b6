/**
 * The projects that make up the test run. `vitest.config.ts` hands this list to `test.projects`, which is what
 * Vitest 3.2 wants in place of auto-discovery.
 */
const projects: Array<string> = ["packages/*/vitest.config.ts", "packages/core/vitest.masked.config.ts"]

export default projects
