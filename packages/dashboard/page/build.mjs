// Writes the page into a module, src/internal/page.ts, so that nothing is read or built when it is served.
// `node packages/dashboard/page/build.mjs` writes it; with `--check` it fails when what is there is out of date.
import { build } from "esbuild"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as path from "node:path"

const here = import.meta.dirname
const target = path.resolve(here, "../src/internal/page.ts")
const uplot = path.dirname(createRequire(import.meta.url).resolve("uplot"))

const { outputFiles } = await build({
  absWorkingDir: here,
  entryPoints: { script: "page.ts", style: "page.css", charts: path.join(uplot, "uPlot.min.css") },
  outdir: "out",
  bundle: true,
  write: false,
  minify: true,
  format: "iife",
  target: ["es2022"],
  // Nothing but ASCII, so that no proxy that guesses at encodings spoils it.
  charset: "ascii",
  legalComments: "none",
  logLevel: "warning"
})

const output = (name) => outputFiles.find((file) => file.path.endsWith(name)).text.trim()
const script = output("script.js").replaceAll("</script", "<\\/script")
const style = output("charts.css") + output("style.css")
// Its licence wants to be where its code is.
const licence = fs.readFileSync(path.join(uplot, "../LICENSE"), "utf8").trim().replaceAll("--", "- -")
const hash = (text) => `sha256-${createHash("sha256").update(text).digest("base64")}`
const html = fs.readFileSync(path.join(here, "index.html"), "utf8")
  // Functions, as a text that replaces could hold a pattern such as $&.
  .replace("<!--licence-->", () => `<!--\nThe charts are drawn by uPlot.\n${licence}\n-->`)
  .replace("/*style*/", () => style)
  .replace("/*script*/", () => script)

const module = `/** Written by page/build.mjs from the sources in page. */
export const html: string =
  ${JSON.stringify(html)}

/** What the content security policy lets run: the one script and the one style of the page. */
export const scriptHash: string = "${hash(script)}"
export const styleHash: string = "${hash(style)}"
`

if (process.argv.includes("--check")) {
  if (fs.readFileSync(target, "utf8") !== module) {
    process.stderr.write(`${target} is out of date: run node packages/dashboard/page/build.mjs\n`)
    process.exit(1)
  }
} else {
  fs.writeFileSync(target, module)
}
