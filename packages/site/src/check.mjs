// Checks the built site: every link and every anchor leads somewhere, and no page loads anything from another host.
import * as fs from "node:fs"
import * as path from "node:path"
import { filesIn } from "../../tools/src/workspace.mjs"

const attribute = /<(\w+)\b[^>]*?\s(href|src)="([^"]*)"/g

/** Decodes the few entities that stand in attributes. */
const decoded = (text) => text.replaceAll("&amp;", "&").replaceAll("&#39;", "'").replaceAll("&quot;", "\"")

/**
 * Returns what is wrong with the pages in a folder.
 *
 * @type {(folder: string, base: string) => ReadonlyArray<string>}
 */
export const faultsOf = (folder, base) => {
  const names = filesIn(folder)
  const files = new Set(names)
  const html = names.filter((name) => name.endsWith(".html"))
  const texts = new Map(html.map((name) => [name, fs.readFileSync(path.join(folder, name), "utf8")]))
  const anchors = new Map(
    [...texts].map((
      [name, text]
    ) => [name, new Set([...text.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => decoded(id)))])
  )
  const faults = []
  for (const [page, text] of texts) {
    for (const [, element, kind, value] of text.matchAll(attribute)) {
      const link = decoded(value)
      if (/^(?:https?:)?\/\//.test(link)) {
        // A person may follow a link to another host; the page itself loads nothing from one.
        if (element !== "a" || kind === "src") faults.push(`${page}: loads ${link}`)
        continue
      }
      if (/^(?:mailto|data):/.test(link)) continue
      const [target, hash] = link.split("#")
      if (target.startsWith("/") && !target.startsWith(base)) {
        faults.push(`${page}: ${link} is outside of ${base}`)
        continue
      }
      const name = target === ""
        ? page
        : path.posix.normalize(
          target.startsWith("/") ? target.slice(base.length) : path.posix.join(path.posix.dirname(page), target)
        ).replace(/^\.\/?$/, "")
      const file = [name, `${name}.html`, path.posix.join(name, "index.html")].find((one) => files.has(one))
      if (file === undefined) faults.push(`${page}: there is no ${link}`)
      else if (hash !== undefined && hash !== "" && anchors.get(file)?.has(decodeURIComponent(hash)) === false) {
        faults.push(`${page}: ${link} has no such anchor`)
      }
    }
  }
  for (const name of names.filter((name) => /\.(?:css|js)$/.test(name))) {
    const text = fs.readFileSync(path.join(folder, name), "utf8")
    for (const [, url] of text.matchAll(/(?:url\(|import\(?)\s*["']?(https?:\/\/[^"')]+)/g)) {
      // The theme would fetch the icons of social links by their names. Ours is in the configuration.
      if (!url.includes("${")) faults.push(`${name}: loads ${url}`)
    }
  }
  return faults
}
