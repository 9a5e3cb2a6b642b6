/** Text for a terminal: foreign text made visible, numbers, durations and tables. */

/**
 * Control characters, invisible ones such as those that turn the direction of text, line separators, and halves of
 * surrogate pairs. The joiners of Persian words and of emoji are harmless and stay.
 */
const unsafe = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/**
 * Shows each character that could steer a terminal, or hide text in it, as an escape of JSON. So an escaped JSON
 * document is still the same document.
 */
export const visible = (text: string): string =>
  text.replace(unsafe, (char) =>
    escapes[char] ??
      char.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""))

export const count = (n: number): string => Math.round(n).toLocaleString("en")

/** Formats a number with at most three significant digits. */
export const figure = (n: number): string => n >= 100 ? count(n) : String(Number(n.toPrecision(3)))

export const duration = (millis: number): string =>
  millis === 0
    ? "0 ms"
    : millis < 1
    ? `${figure(millis * 1_000)} us`
    : millis < 1_000
    ? `${figure(millis)} ms`
    : millis < 60_000
    ? `${figure(millis / 1_000)} s`
    : millis < 3_600_000
    ? `${Math.floor(millis / 60_000)} min ${Math.floor(millis / 1_000) % 60} s`
    : `${Math.floor(millis / 3_600_000)} h ${Math.floor(millis / 60_000) % 60} min`

/** Makes a text visible and breaks it into lines between words; the lines after the first are indented. */
export const wrap = (text: string, width: number, indent = 0): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of visible(text).split(" ")) {
    const room = lines.length === 0 ? width : width - indent
    if (line !== "" && line.length + 1 + word.length > room) {
      lines.push(line)
      line = word
    } else {
      line = line === "" ? word : `${line} ${word}`
    }
  }
  lines.push(line)
  return lines.map((line, i) => i === 0 ? line : " ".repeat(indent) + line)
}

export interface Column {
  readonly head: string
  readonly align: "left" | "right"
  /** Columns with a higher rank are left out first; a column without a rank always stays. */
  readonly rank?: number
}

const gap = "  "

/** Shortens a visible text to a width. */
export const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1)).replace(/[\ud800-\udbff]$/, "")}~`

/**
 * Formats a table of visible text. If it is wider than `width`, the first column is cut to a third of it, columns with
 * a rank are left out, and then the first column is cut again.
 */
export const table = (
  columns: ReadonlyArray<Column>,
  cells: ReadonlyArray<ReadonlyArray<string>>,
  width = Infinity
): ReadonlyArray<string> => {
  const rows = cells.map((row) => row.map(visible))
  const widths = columns.map(({ head }, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)))
  const shown = columns.map((_, i) => i)
  const total = () => shown.reduce((sum, i) => sum + widths[i]!, 0) + gap.length * (shown.length - 1)
  if (total() > width) widths[0] = Math.min(widths[0]!, Math.max(16, Math.floor(width / 3)))
  while (total() > width) {
    const worst = shown.reduce((a, b) => (columns[b]!.rank ?? 0) >= (columns[a]!.rank ?? 0) ? b : a)
    if ((columns[worst]!.rank ?? 0) === 0) break
    shown.splice(shown.indexOf(worst), 1)
  }
  if (total() > width) widths[0] = Math.max(4, widths[0]! - (total() - width))
  const line = (cells: ReadonlyArray<string>) =>
    shown.map((i) => {
      const text = cut(cells[i]!, widths[i]!)
      return columns[i]!.align === "left" ? text.padEnd(widths[i]!) : text.padStart(widths[i]!)
    }).join(gap).trimEnd()
  return [line(columns.map(({ head }) => head)), ...rows.map(line)]
}
