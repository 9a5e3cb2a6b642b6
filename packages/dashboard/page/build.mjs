// Puts the page together: one document, without anything from elsewhere, as a module that both kinds of build contain.
//
//     node packages/dashboard/page/build.mjs            writes src/internal/page.ts
//     node packages/dashboard/page/build.mjs --check    says whether that is what would be written
import { build } from "esbuild"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"

const here = import.meta.dirname
const out = path.join(here, "../src/internal/page.ts")

const bundled = async (entry) => {
  const { outputFiles } = await build({
    entryPoints: [path.join(here, entry)],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    // Only the types and one function of the snapshot are wanted, not the schemas.
    plugins: [{
      name: "snapshot",
      setup: ({ onLoad }) =>
        onLoad({ filter: /src\/Snapshot\.ts$/ }, ({ path: file }) => {
          const text = fs.readFileSync(file, "utf8")
          return { loader: "ts", contents: text.slice(text.indexOf("export const pointOf")) }
        })
    }]
  })
  return outputFiles[0].text.trim()
}

const script = await bundled("page.ts")
const style = await bundled("page.css")
if (script.includes("</script") || style.includes("</style")) throw new Error("what is inlined would end its element")
const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`

const page = fs.readFileSync(path.join(here, "index.html"), "utf8")
  .replace("<!-- style -->", () => `<style>${style}</style>`)
  .replace("<!-- script -->", () => `<script>${script}</script>`)
const policy = [
  "default-src 'none'",
  `script-src ${hash(script)}`,
  `style-src ${hash(style)}`,
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join("; ")

const text = `/** Made by \`page/build.mjs\` of what lies beside it. The charts are uPlot's (MIT, Leon Sorokin). */
export const page = ${JSON.stringify(page)}

export const contentSecurityPolicy = ${JSON.stringify(policy)}
`

if (!process.argv.includes("--check")) fs.writeFileSync(out, text)
else if (fs.readFileSync(out, "utf8") !== text) {
  process.stderr.write("The page has changed: run node packages/dashboard/page/build.mjs\n")
  process.exitCode = 1
}
