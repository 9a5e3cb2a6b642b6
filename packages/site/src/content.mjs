// Gathers the pages of the site from the repository: the manual, the packages' own pages, and those of this package.
import * as fs from "node:fs"
import * as path from "node:path"
import { filesIn, published, root } from "../../tools/src/workspace.mjs"

const here = path.resolve(import.meta.dirname, "..")
/** The folder that VitePress builds from. */
export const content = path.join(here, "content")
const onGitHub = "https://github.com/socketpool/socketpool"

/** The page of the site for each page of the repository, by paths from the top. */
const pages = new Map([
  ...filesIn(path.join(root, "docs"), [".md"]).map((name) => [
    `docs/${name}`,
    name === "README.md" ? "manual.md" : name.replace(/README\.md$/, "index.md")
  ]),
  ...published.map(({ dir }) => {
    const name = path.basename(dir)
    return [`packages/${name}/README.md`, `packages/${name}.md`]
  }),
  ["CONTRIBUTING.md", "contributing.md"],
  ["CHANGELOG.md", "changes.md"],
  ["SECURITY.md", "security.md"],
  ...filesIn(path.join(here, "pages"), [".md"]).map((name) => [`packages/site/pages/${name}`, name])
])

/** The name of a page on GitHub's raw host, which pages of packages use for pictures, because npm shows them too. */
const raw = /^https:\/\/raw\.githubusercontent\.com\/socketpool\/socketpool\/main\//
const blob = /^https:\/\/github\.com\/socketpool\/socketpool\/(?:blob|tree)\/main\//

/** The pictures that pages show, by paths from the top: they are copied. */
const pictures = new Set()

const copied = (name) => `pictures/${path.posix.basename(name)}`

/**
 * Rewrites a link of a page of the repository for the site: to the page, to the copy of a picture, or to GitHub.
 *
 * @type {(from: string, to: string, link: string) => string}
 */
const rewritten = (from, to, link) => {
  const own = link.replace(raw, "/").replace(blob, "/")
  if (/^(?:[a-z]+:|#|\/\/)/.test(own)) return link
  const [target, anchor] = own.split("#")
  // From the top: a link that was absolute on GitHub, or a page of the site, such as `/size`.
  if (own === link && own.startsWith("/")) return link
  const name = own.startsWith("/") ? target.slice(1) : path.posix.join(path.posix.dirname(from), target)
  const hash = anchor === undefined ? "" : `#${anchor}`
  const page = pages.get(name) ?? pages.get(`${name.replace(/\/$/, "")}/README.md`)
  const relative = (other) => {
    const found = path.posix.relative(path.posix.dirname(to), other)
    return found.startsWith(".") ? found : `./${found}`
  }
  if (page !== undefined) return relative(page) + hash
  // A public module has a page of the reference.
  const [, owner, module] = /^packages\/([\w-]+)\/src\/(\w+)\.ts$/.exec(name) ?? []
  const api = [`api/${owner}/${module}.md`, `api/${owner}/${module}/index.md`].find((one) =>
    fs.existsSync(path.join(content, one))
  )
  if (api !== undefined) return relative(api)
  if (!fs.existsSync(path.join(root, name))) throw new Error(`${from}: links to ${link}, which does not exist`)
  if (/\.(?:svg|png)$/.test(name)) {
    pictures.add(name)
    return relative(copied(name))
  }
  return `${onGitHub}/${fs.statSync(path.join(root, name)).isDirectory() ? "tree" : "blob"}/main/${name}${hash}`
}

/** Returns a section of the README, without its heading. */
const sectionOf = (heading) => {
  const text = fs.readFileSync(path.join(root, "README.md"), "utf8")
  const start = text.indexOf(`## ${heading}\n`)
  if (start === -1) throw new Error(`README.md has no section ${heading}`)
  const end = text.indexOf("\n## ", start)
  return text.slice(text.indexOf("\n", start) + 1, end === -1 ? undefined : end).trim()
}

/** Rewrites the links of a page, outside of its code. */
const relinked = (from, to, text) =>
  text.split(/(^```[\s\S]*?^```)/m).map((part, i) =>
    i % 2 === 1 ? part : part
      .replace(/(\]\()([^)\s]+)(\))/g, (_, before, link, after) => before + rewritten(from, to, link) + after)
      .replace(/^(\[[^\]]+\]: )(\S+)$/gm, (_, before, link) => before + rewritten(from, to, link))
      .replace(/( (?:src|href)=")([^"]+)(")/g, (_, before, link, after) => before + rewritten(from, to, link) + after)
  ).join("")

/** Text such as `<name>` and `{{`, which VitePress would take for a part of a template, outside of code. */
const untemplated = (text) =>
  text.split(/(^```[\s\S]*?^```|`[^`\n]+`)/m).map((part, i) =>
    i % 2 === 1 ? part : part.replaceAll("{{", "<span>{</span>{")
  ).join("")

const titleOf = (text) => /^# (.+)$/m.exec(text)?.[1].replaceAll("`", "")

/** The sidebar of the manual: the sections of its table of contents, with the pages that they link to. */
const sidebarOf = (contents) =>
  contents.split(/^## /m).slice(1).map((section) => {
    const [heading] = section.split("\n")
    const links = [...section.matchAll(/\[([^\]]+)\]\(([^)#]+\.md)\)/g)]
    return {
      text: heading,
      collapsed: false,
      items: links.map(([, text, link]) => {
        const page = pages.get(path.posix.join("docs", link))
        if (page === undefined) throw new Error(`docs/README.md: ${link} is no page of the site`)
        return { text: text.replaceAll("`", ""), link: `/${page.replace(/(?:index)?\.md$/, "")}` }
      })
    }
  }).filter(({ items }) => items.length > 0)

/** The line of the manual that leads to this site. */
const aboutApi = "- API pages of each module: `npm run site` builds a site with them and with these pages."

/** Writes all pages but those of the API, and returns the sidebar of the manual. */
export const writePages = () => {
  for (const [from, to] of pages) {
    const text = fs.readFileSync(path.join(root, from), "utf8")
    const isOwn = from.startsWith("packages/site/")
    const whole = isOwn
      ? text.replace(
        /^<!-- README: (.+) -->$/gm,
        (_, heading) => relinked("README.md", to, sectionOf(heading))
      )
      : untemplated(relinked(from, to, text))
    // A page of our own names pages of the site; its pictures are of the repository, as `/packages/…`.
    let done = isOwn
      ? whole.replace(/(["( ])\/(packages\/[\w/.-]+\.(?:svg|png))/g, (_, before, name) => {
        pictures.add(name)
        return `${before}/${copied(name)}`
      })
      : whole
    if (!isOwn && titleOf(text) === undefined) throw new Error(`${from} has no title`)
    if (to === "manual.md") {
      if (!done.includes(aboutApi)) throw new Error(`${from} no longer says: ${aboutApi}`)
      done = done.replace(aboutApi, "- [API](./api/index.md): a page for each module.")
    }
    const file = path.join(content, to)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, done)
  }
  const names = new Map()
  for (const picture of pictures) {
    const name = copied(picture)
    if (names.has(name)) throw new Error(`${picture} and ${names.get(name)} would have the same name`)
    names.set(name, picture)
    const file = path.join(content, name)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.copyFileSync(path.join(root, picture), file)
  }
  fs.cpSync(path.join(here, "public"), path.join(content, "public"), { recursive: true })
  const contents = fs.readFileSync(path.join(root, "docs/README.md"), "utf8")
  return [
    { text: "Start", items: [{ text: "Getting started", link: "/getting-started" }] },
    ...sidebarOf(contents),
    {
      text: "Packages",
      collapsed: true,
      items: published.map(({ dir }) => ({ text: path.basename(dir), link: `/packages/${path.basename(dir)}` }))
    },
    {
      text: "Project",
      collapsed: true,
      items: [
        { text: "Contributing", link: "/contributing" },
        { text: "Changes", link: "/changes" },
        { text: "Security", link: "/security" }
      ]
    }
  ]
}
