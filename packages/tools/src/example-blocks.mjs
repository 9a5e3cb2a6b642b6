/** The examples of docstrings and pages. */

/**
 * Finds the TypeScript blocks of a text, each with its first line number and the word that it is marked with: `run` for
 * whole programs, and `effect-4` for those that only the edition for Effect 4 can compile.
 *
 * @param {string} text
 */
export const blocks = (text) =>
  [...text.matchAll(/^```(?:ts|typescript)\b[ \t]*(.*)\n([\s\S]*?)^```/gm)].map((match) => ({
    word: match[1].trim(),
    code: match[2],
    line: text.slice(0, match.index).split("\n").length + 1
  }))

/**
 * Keeps a module's doc comments on their own lines and blanks everything else.
 *
 * @param {string} text
 */
export const docComments = (text) => {
  let inside = false
  return text.split("\n").map((line) => {
    if (/^\s*\/\*\*/.test(line)) inside = true
    const kept = inside ? line.replace(/^\s*(\/\*\*|\*(?!\/)) ?/, "").replace(/\*\/\s*$/, "") : ""
    if (/\*\//.test(line)) inside = false
    return kept
  }).join("\n")
}

/**
 * The name of the file of an example.
 *
 * @param {string} file
 * @param {number} line
 */
export const exampleFile = (file, line) => `${file.replace(/[^A-Za-z0-9]+/g, "-")}-${line}.ts`

/**
 * Names the place of each example in what the compiler says, in place of its file.
 *
 * @param {string} output
 * @param {ReadonlyMap<string, { readonly name: string; readonly line: number }>} origin
 */
export const placed = (output, origin) =>
  output.replace(/^(?:\.\/)?(?:[\w./-]*\/)?([\w-]+\.ts)\((\d+),/gm, (found, example, line) => {
    const from = origin.get(example)
    return from === undefined ? found : `${from.name}(${from.line + Number(line) - 1},`
  })

/** What the compiler has to know of examples. */
export const compilerOptions = {
  composite: false,
  incremental: false,
  declaration: false,
  declarationMap: false,
  noEmit: true,
  noUnusedLocals: false,
  module: "ESNext",
  moduleResolution: "Bundler",
  types: ["node"]
}
