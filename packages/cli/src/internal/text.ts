/** Numbers, durations and tables as text. */

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

/** Breaks a text into lines between words; the lines after the first are indented. */
export const wrap = (text: string, width: number, indent = 0): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
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

const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}~`

/** Formats a table. If it is wider than `width`, columns with a rank are left out and then the first column is cut. */
export const table = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  width = Infinity
): ReadonlyArray<string> => {
  const widths = columns.map(({ head }, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)))
  const shown = columns.map((_, i) => i)
  const total = () => shown.reduce((sum, i) => sum + widths[i]!, 0) + gap.length * (shown.length - 1)
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
