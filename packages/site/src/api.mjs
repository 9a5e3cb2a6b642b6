// Writes the pages of the API from the sources: one for each public module, with a heading for each option.
import GithubSlugger from "github-slugger"
import * as fs from "node:fs"
import * as path from "node:path"
import { Application, Converter } from "typedoc"
import { filesIn, publicModules, published, root } from "../../tools/src/workspace.mjs"

/** The module of a package that has no page: it has only what others have. */
const barrel = "index"

const modulesOf = (dir) => publicModules(dir).filter((name) => name !== barrel)

/** The anchors of a page's headings, as VitePress and GitHub make them. */
const anchorsOf = (text) => {
  const slugger = new GithubSlugger()
  return new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => slugger.slug(heading.replace(/[`\\]/g, ""))))
}

/**
 * Mends anchors with a number: typedoc counts members by their full names, so that `Budget.usage` takes the anchor of
 * `BudgetUsage`.
 */
const mendAnchors = (folder) => {
  const files = filesIn(folder, [".md"]).map((name) => path.join(folder, name))
  const texts = new Map(files.map((file) => [file, fs.readFileSync(file, "utf8")]))
  const anchors = new Map([...texts].map(([file, text]) => [file, anchorsOf(text)]))
  for (const [file, text] of texts) {
    const mended = text.replace(/\(([^()#\s]*)#([\w-]+?)-(\d+)\)/g, (link, page, name, number) => {
      const there = anchors.get(page === "" ? file : path.join(path.dirname(file), page))
      return there?.has(name) && !there.has(`${name}-${number}`) ? `(${page}#${name})` : link
    })
    // A page of few things has its options in the outline.
    const isShort = [...text.matchAll(/^### /gm)].length < 4
    const opening = isShort ? "---\noutline: [3, 5]\n---\n\n" : ""
    if (opening + mended !== text) fs.writeFileSync(file, opening + mended)
  }
}

/**
 * Writes the pages, and returns their sidebar. Fails if a comment links to what does not exist.
 *
 * @type {(folder: string) => Promise<ReadonlyArray<object>>}
 */
export const writeApi = async (folder) => {
  const app = await Application.bootstrapWithPlugins({
    plugin: ["typedoc-plugin-markdown"],
    entryPoints: published.flatMap(({ dir }) => modulesOf(dir).map((name) => path.join(dir, "src", `${name}.ts`))),
    tsconfig: path.resolve(import.meta.dirname, "../tsconfig.typedoc.json"),
    basePath: path.join(root, "packages"),
    // Without it, typedoc would empty the folder `docs` and write there.
    out: folder,
    readme: "none",
    // The check of the repository has already compiled the sources.
    skipErrorChecking: true,
    excludeInternal: true,
    // All are of the first release.
    excludeTags: ["@since"],
    sort: ["source-order"],
    excludePrivate: true,
    excludeExternals: true,
    disableSources: true,
    githubPages: false,
    validation: { notExported: false, invalidLink: true, notDocumented: false },
    logLevel: "Warn",
    // A page for each module.
    router: "module",
    hidePageHeader: true,
    hideBreadcrumbs: true,
    hideGroupHeadings: false,
    useCodeBlocks: true,
    expandObjects: false,
    // Each option has a heading of its own, so that a link can lead to it.
    interfacePropertiesFormat: "list",
    typeAliasPropertiesFormat: "list",
    typeDeclarationFormat: "list",
    classPropertiesFormat: "list",
    parametersFormat: "table",
    entryFileName: "index",
    modulesFileName: "modules"
  })
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    for (const module of project.children ?? []) module.name = module.name.replace("/src/", "/")
    project.name = "API"
  })
  const project = await app.convert()
  if (project === undefined) throw new Error("typedoc could not read the sources")
  // A warning before this one tells of options that two types declare, each with a comment: no fault.
  const before = app.logger.warningCount
  app.validate(project)
  fs.rmSync(folder, { recursive: true, force: true })
  await app.generateOutputs(project)
  if (app.logger.hasErrors() || app.logger.warningCount > before) throw new Error("typedoc has reported faults")
  mendAnchors(folder)
  return published.map(({ dir }) => {
    const name = path.basename(dir)
    return {
      text: `@socketpool/${name}`,
      collapsed: name !== "core",
      items: modulesOf(dir).map((module) => {
        // A module with a namespace has a folder.
        const isFolder = fs.existsSync(path.join(folder, name, module))
        return { text: module, link: `/api/${name}/${module}${isFolder ? "/" : ""}` }
      })
    }
  })
}
