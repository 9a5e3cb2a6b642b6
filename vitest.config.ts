import { defineConfig } from "vitest/config"
import projects from "./vitest.workspace.js"

export default defineConfig({
  test: {
    projects,
    // The steps and the seed of a failure are all that a search leaves behind: they are printed whole.
    chaiConfig: { truncateThreshold: 0 },
    poolOptions: {
      forks: { isolate: false, minForks: 3, maxForks: 3 },
      threads: { isolate: false, minThreads: 2, maxThreads: 2 }
    },
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      exclude: ["packages/*/src/index.ts", "packages/examples/**"],
      reporter: ["text-summary", "html", "lcov"]
    }
  }
})
