/** Writes docs/benchmarks.md and the charts from results.json. With --check, only compares them. */
import { outdated, render } from "./results.js"

if (process.argv.includes("--check")) {
  const files = outdated()
  for (const file of files) console.error(`${file} differs from what results.json gives`)
  if (files.length > 0) {
    console.error("Run `npm run lint-fix` to write it.")
    process.exitCode = 1
  }
} else {
  render()
}
