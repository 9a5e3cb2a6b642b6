import { defineConfig } from "vitest/config"
import projects from "./vitest.workspace.js"

const workers = 3

export default defineConfig({
  test: {
    projects,
    // Most tests wait more than they compute: for turns of the event loop, sockets and processes. A process runs several
    // files of one package, so that it loads Effect once.
    poolOptions: { forks: { isolate: false, minForks: workers, maxForks: workers } },
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      exclude: ["packages/*/src/index.ts", "packages/examples/**"],
      reporter: ["text-summary", "html", "lcov"]
    }
  }
})
