/**
 * Runs the tests of core and node on several versions of Node, one after the other, all of them even if one fails.
 *
 *     npm run test:versions             on every pinned version
 *     npm run test:versions -- 22 26    on these
 */
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { install, major, pins } from "./runtimes.mjs"
import { root } from "./workspace.mjs"

const pinned = (word) => {
  const version = pins.node.find((version) => version === word || major(version) === word)
  if (version === undefined) {
    console.error(`versions: no Node ${word} among ${pins.node.join(", ")}`)
    process.exit(2)
  }
  return version
}

const vitest = path.join(root, "node_modules/vitest/vitest.mjs")

/** Runs the tests on one version of Node, which also comes first on the path. */
const test = (version) => {
  const node = install("node", version)
  console.log(`\n==> Node ${version}`)
  const start = performance.now()
  const { status } = spawnSync(
    node,
    [vitest, "run", "packages/core/", "packages/node/"],
    {
      cwd: root,
      stdio: "inherit",
      env: {
        ...process.env,
        PATH: `${path.dirname(node)}${path.delimiter}${process.env.PATH}`,
        // Each worker compares it with its own version.
        SOCKETPOOL_NODE_VERSION: version
      }
    }
  )
  const passed = status === 0
  return {
    passed,
    line: `Node ${version}: ${passed ? "passed" : "FAILED"} in ${((performance.now() - start) / 1000).toFixed(1)} s`
  }
}

const words = process.argv.slice(2)
const results = (words.length === 0 ? pins.node : words.map(pinned)).map(test)
console.log("")
for (const { line } of results) console.log(line)
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1
