// Writes each package's API pages to its docs folder, after type-checking and running every example in a docstring.
import { spawn } from "node:child_process"
import * as path from "node:path"
import { bin, published } from "./workspace.mjs"

const document = ({ dir, manifest }) =>
  new Promise((resolve) => {
    const output = []
    const child = spawn(bin("docgen"), {
      cwd: dir,
      env: { ...process.env, PATH: `${path.dirname(bin("tsc"))}${path.delimiter}${process.env.PATH}` }
    })
    child.stdout.on("data", (chunk) => output.push(chunk))
    child.stderr.on("data", (chunk) => output.push(chunk))
    child.on("close", (code) => {
      console.log(`# ${manifest.name}`)
      process.stdout.write(Buffer.concat(output))
      resolve(code)
    })
  })

const codes = await Promise.all(published.map(document))
if (codes.some((code) => code !== 0)) process.exit(1)
