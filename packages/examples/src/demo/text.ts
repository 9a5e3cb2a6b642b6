/** Numbers and lines as the demo prints them. */

export const formatCount = (count: number): string => count.toLocaleString("en-US")

/** A count with its noun, which takes an s for more than one. */
export const plural = (count: number, noun: string): string => `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`

/** Milliseconds, in at most four characters up to ten seconds. */
export const formatMillis = (millis: number | undefined): string =>
  millis === undefined ? "-" : millis.toFixed(millis < 9.995 ? 2 : 0)

/** Breaks a text at spaces into lines of at most `width` characters; a longer word gets a line of its own. */
export const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const word of text.split(" ")) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}

/** A part of a line; those of the lowest rank go first when there is no room for all. */
export interface Part {
  readonly text: string
  readonly rank: number
}

/** As many of the parts as fit into `width`, in their order. */
export const fit = (parts: ReadonlyArray<Part>, width: number): string => {
  const line = parts.map((part) => part.text).join("  ")
  if (line.length <= width) return line
  if (parts.length <= 1) return line.slice(0, Math.max(0, width))
  const lowest = parts.reduce((one, other) => other.rank < one.rank ? other : one)
  return fit(parts.filter((part) => part !== lowest), width)
}

export interface Row {
  readonly label: string
  readonly value: string
}

/** Rows with their values in one column. */
export const table = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const width = Math.max(...rows.map((row) => row.label.length))
  return rows.map((row) => `  ${row.label.padEnd(width)}  ${row.value}`.trimEnd())
}
