// Looks at the docstrings of the published packages. Every module and everything that it exports says since when it is
// there. Every exported function, effect and layer, and every public static member of an exported class, has a `ts`
// example; `npm run docs` compiles and runs them.
import * as fs from "node:fs"
import * as path from "node:path"
import ts from "typescript"
import { publicModules, published, root } from "./workspace.mjs"

/** Categories whose members are data: a type, a schema, an error or a symbol speaks for itself. */
const withoutExample = new Set(["errors", "models", "symbols"])

const hasExample = (node) => {
  for (const doc of ts.getJSDocCommentsAndTags(node)) {
    if (!ts.isJSDoc(doc)) continue
    for (const tag of doc.tags ?? []) {
      if (tag.tagName.text === "example" && /^```ts[ \t]*\n/m.test(ts.getTextOfJSDocComment(tag.comment) ?? "")) {
        return true
      }
    }
  }
  return false
}

const hasSince = (node) => ts.getJSDocTags(node).some((tag) => tag.tagName.text === "since")

/** The module's own docstring comes first in the file, with a version. */
const isModuleDated = (source) => /^\/\*\*(?:(?!\*\/)[\s\S])*@since \d/.test(source.text)

const categoryOf = (node) =>
  ts.getJSDocTags(node).find((tag) => tag.tagName.text === "category")?.comment?.toString().trim()

const isExported = (node) => node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false

const isPublicStatic = (member) => {
  const flags = ts.getCombinedModifierFlags(member)
  return (flags & ts.ModifierFlags.Static) !== 0 && member.name !== undefined && !ts.isPrivateIdentifier(member.name) &&
    (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) === 0
}

/** Everything that a statement exports. */
const exported = (statement) => {
  if (!ts.isExportDeclaration(statement)) return isExported(statement) ? [statement] : []
  const named = statement.exportClause !== undefined && ts.isNamedExports(statement.exportClause)
  return named ? statement.exportClause.elements : [statement]
}

/** Returns the names that a statement exports as values, each with the node that carries its docstring. */
const values = (statement) => {
  if (ts.isExportDeclaration(statement)) {
    return exported(statement)
      .filter((node) => ts.isExportSpecifier(node) && !statement.isTypeOnly && !node.isTypeOnly)
      .map((element) => [element.name.text, element])
  }
  if (!isExported(statement)) return []
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => [name.getText(), statement])
  }
  return ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)
    ? [[statement.name?.text ?? "default", statement]]
    : []
}

/** Returns the names that need an example in a module, each with the node that carries its docstring. */
const subjects = (source) =>
  source.statements.flatMap(values).flatMap(([name, node]) => [
    ...withoutExample.has(categoryOf(node) ?? "") ? [] : [[name, node]],
    ...ts.isClassDeclaration(node)
      ? node.members.filter(isPublicStatic).map((member) => [`${name}.${member.name?.getText()}`, member])
      : []
  ])

let counted = 0
const missing = []
for (const { dir } of published) {
  // The barrel only exports what the other modules declare.
  for (const module of publicModules(dir).filter((module) => module !== "index")) {
    const file = path.join(dir, "src", `${module}.ts`)
    const source = ts.createSourceFile(file, fs.readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true)
    const note = (node, text) => {
      const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1
      missing.push(`${path.relative(root, file)}:${line} ${text}`)
    }
    if (!isModuleDated(source)) note(source, "the module has no docstring with @since")
    for (const node of source.statements.flatMap(exported)) if (!hasSince(node)) note(node, "an export has no @since")
    for (const [name, node] of subjects(source)) {
      counted++
      if (!hasExample(node)) note(node, `${name} has no example`)
    }
  }
}
for (const problem of missing) console.error(problem)
console.log(`${counted} public functions, effects and layers: ${missing.length} faults of their docstrings`)
if (missing.length > 0) process.exit(1)
