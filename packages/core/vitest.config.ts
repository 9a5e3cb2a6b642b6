import { mergeConfig } from "vitest/config"
import shared from "../tools/vitest.shared.js"

// masked.test.ts has a configuration of its own.
export default mergeConfig(shared, { test: { exclude: ["test/masked.test.ts"] } })
