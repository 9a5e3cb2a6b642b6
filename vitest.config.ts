import * as os from "node:os"
import { defineConfig } from "vitest/config"
import projects from "./vitest.workspace.js"

export default defineConfig({
  test: {
    projects,
    // Vitest leaves one core free, which on a machine with two is half of it.
    maxWorkers: Math.max(2, os.availableParallelism() - 1),
    minWorkers: 1,
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      exclude: ["packages/*/src/index.ts", "packages/examples/**"],
      reporter: ["text-summary", "html", "lcov"]
    }
  }
})
