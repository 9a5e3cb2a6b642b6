/** The name that somebody may have meant. */

/** Counts the characters to insert, delete, replace or swap with a neighbour (Damerau and Levenshtein). */
const distance = (one: string, other: string): number => {
  const rows: Array<Array<number>> = [Array.from({ length: other.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= one.length; i++) {
    const row = [i]
    for (let j = 1; j <= other.length; j++) {
      const replaced = rows[i - 1]![j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1)
      row[j] = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, replaced)
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1)
      }
    }
    rows.push(row)
  }
  return rows[one.length]![other.length]!
}

/** Returns the known name that differs least, if no more than a third of it, or one character, is wrong. */
export const nearest = (name: string, known: ReadonlyArray<string>): string | undefined => {
  // A longer name is no slip of the hand, and comparing it would take long.
  if (name.length > 64) return undefined
  const plain = (text: string) => text.replaceAll(/[-_]/g, "").toLowerCase()
  const ranked = known
    .map((other) => ({ other, wrong: distance(plain(name), plain(other)) }))
    .filter(({ other, wrong }) => wrong <= Math.max(1, other.length / 3))
    .sort((one, two) => one.wrong - two.wrong)
  return ranked[0]?.other
}
