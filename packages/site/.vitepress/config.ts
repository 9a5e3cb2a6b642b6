/** The configuration of VitePress. `src/site.mjs` writes the pages and the sidebar before it starts. */
import GithubSlugger from "github-slugger"
import * as fs from "node:fs"
import * as path from "node:path"
import { defineConfig } from "vitepress"

const content = path.resolve(import.meta.dirname, "../content")
const { api, manual } = JSON.parse(fs.readFileSync(path.join(content, "sidebar.json"), "utf8"))

/** The theme would fetch an icon that is given by its name from another host. */
const github =
  "<svg viewBox='0 0 16 16'><path d='M8 0a8 8 0 0 0-2.5 15.6c.4 0 .5-.2.5-.4v-1.5c-2.2.5-2.7-1-2.7-1-.4-1-.9-1.2-.9-1.2" +
  "-.7-.5 0-.5 0-.5.8 0 1.3.8 1.3.8.7 1.2 1.9.9 2.3.7 0-.5.3-.9.5-1.1-1.8-.2-3.7-.9-3.7-4 0-.9.3-1.6.8-2.1 0-.2-.4-1 .1-2.1 0 0 " +
  ".7-.2 2.2.8a7.6 7.6 0 0 1 4 0c1.5-1 2.2-.8 2.2-.8.5 1.1.2 1.9.1 2.1.5.6.8 1.3.8 2.1 0 3.1-1.9 3.8-3.7 4 .3.3.6.8.6 1.5v2.2c0 .2" +
  ".1.5.6.4A8 8 0 0 0 8 0z'/></svg>"

export default defineConfig({
  title: "socketpool",
  description: "A connection pool for TypeScript programs written with Effect.",
  lang: "en",
  // The site may stand in a folder of its host, as on GitHub's pages.
  base: process.env["SITE_BASE"] ?? "/",
  srcDir: "content",
  outDir: "dist",
  cleanUrls: false,
  lastUpdated: false,
  head: [["link", { rel: "icon", type: "image/svg+xml", href: `${process.env["SITE_BASE"] ?? "/"}icon.svg` }]],
  markdown: {
    // The anchors of GitHub, so that the links of the pages work in both places.
    anchor: { slugify: (text) => new GithubSlugger().slug(text) },
    // The words after the language are for the checks of the repository.
    config: (markdown) => {
      const fence = markdown.renderer.rules.fence!
      markdown.renderer.rules.fence = (tokens, at, ...rest) => {
        const token = tokens[at]!
        if (token.info.trim() === "mermaid") return `<Diagram code="${encodeURIComponent(token.content)}" />`
        token.info = token.info.replace(/^(\w+) .*/, "$1")
        return fence(tokens, at, ...rest)
      }
    },
    theme: { light: "github-light", dark: "github-dark" }
  },
  themeConfig: {
    logo: "/icon.svg",
    nav: [
      { text: "Getting started", link: "/getting-started" },
      { text: "Manual", link: "/manual" },
      { text: "Recipes", link: "/recipes/" },
      { text: "Sizing", link: "/size" },
      { text: "API", link: "/api/" },
      { text: "Benchmarks", link: "/benchmarks" }
    ],
    sidebar: { "/api/": api, "/": manual },
    outline: { level: [2, 3] },
    // The manual answers most questions better than the reference, whose pages are many.
    search: {
      provider: "local",
      options: {
        miniSearch: {
          searchOptions: {
            fuzzy: 0.2,
            prefix: true,
            boost: { title: 4, text: 2, titles: 1 },
            boostDocument: (id: string) => id.includes("/api/") ? 0.1 : id.includes("/benchmarks") ? 0.5 : 1
          }
        }
      }
    },
    socialLinks: [{ icon: { svg: github }, ariaLabel: "GitHub", link: "https://github.com/socketpool/socketpool" }],
    footer: { message: "MIT licence. The pages load nothing from other hosts." }
  },
  vite: {
    // Warns of large bundles of scripts; the index of the search is one, and is loaded when somebody searches.
    build: { chunkSizeWarningLimit: 5_000 },
    logLevel: "warn"
  }
})
