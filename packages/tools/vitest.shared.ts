import * as path from "node:path"
import type { ViteUserConfig } from "vitest/config"

/** What every package's project shares: files run in parallel, the tests of one file one after another. */
const config: ViteUserConfig = {
  test: {
    setupFiles: [path.join(import.meta.dirname, "vitest.setup.ts")],
    include: ["test/**/*.test.ts"],
    sequence: { concurrent: false },
    // Only so that a test that hangs ends: how fast the machine is decides nothing.
    testTimeout: 180_000,
    hookTimeout: 180_000
  }
}

export default config
