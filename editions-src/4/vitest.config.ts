import { defineConfig } from "vitest/config"

const masked = "packages/core/test/masked.test.ts"

const project = (name: string, pool: "threads" | "forks", include: string, exclude: ReadonlyArray<string> = []) => ({
  test: {
    name,
    pool,
    isolate: false,
    // Of all projects together. Many tests wait for processes and sockets, so that there are more than processors.
    maxWorkers: 4,
    include: [include],
    exclude: [...exclude],
    setupFiles: ["packages/tools/vitest.setup.ts"],
    // Only so that a test that hangs ends: how fast the machine is decides nothing.
    testTimeout: 180_000,
    hookTimeout: 180_000
  }
})

export default defineConfig({
  test: {
    // The steps and the seed of a failure are all that a search leaves behind: they are printed whole.
    chaiConfig: { truncateThreshold: 0 },
    projects: [
      project("core", "threads", "packages/core/test/**/*.test.ts", [masked]),
      // It replaces a module, so it shares its modules with no other.
      project("core masked", "threads", masked),
      project("others", "forks", "packages/*/test/**/*.test.ts", ["packages/core/**"])
    ]
  }
})
