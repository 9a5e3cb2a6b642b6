/** Draws charts as SVG. They are light or dark as the reader's system is. */
import { type Compared, isOurs, ranked, short } from "./report.js"
import type { Table } from "./workload.js"

const row = 26
const labels = 300
const bars = 420
const margin = 12

/** The colours, for both themes. */
const style = [
  "<style>",
  "svg { --back: #ffffff; --text: #0f172a; --soft: #475569; --ours: #2563eb; --other: #94a3b8; --range: #475569;",
  "  --good: #bbf7d0; --fair: #e2e8f0; --bad: #fed7aa }",
  "@media (prefers-color-scheme: dark) { svg { --back: #0f172a; --text: #e2e8f0; --soft: #94a3b8; --ours: #60a5fa;",
  "  --other: #475569; --range: #cbd5e1; --good: #166534; --fair: #334155; --bad: #9a3412 } }",
  "</style>"
]

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

interface Frame {
  readonly width: number
  readonly height: number
  readonly title: string
  readonly subtitle: string
}

/** Makes the SVG: a background, a title, and the lines of the drawing. */
const framed = ({ height, subtitle, title, width }: Frame, lines: ReadonlyArray<string>): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="system-ui, sans-serif" font-size="13">`,
    ...style,
    `<rect width="100%" height="100%" fill="var(--back)"/>`,
    `<g fill="var(--text)">`,
    `<text x="${margin}" y="${margin + 14}" font-size="16" font-weight="bold">${escaped(title)}</text>`,
    `<text x="${margin}" y="${margin + 32}" fill="var(--soft)">${escaped(subtitle)}</text>`,
    ...lines,
    "</g>",
    "</svg>",
    ""
  ].join("\n")

/** Draws one bar per subject, the best first, with a line from the lowest to the highest measurement. */
export const chart = (table: Table): string => {
  const { better, title, unit } = table
  const rows = ranked(table).filter(({ median }) => !Number.isNaN(median))
  const most = Math.max(...rows.map(({ max }) => max))
  const least = Math.min(...rows.map(({ min }) => min))
  // If one value is many times another, a bar can only show magnitudes.
  const isLogarithmic = most / least > 50
  const low = Math.log10(least / 2)
  const scale = (value: number): number =>
    isLogarithmic ? bars * (Math.log10(value) - low) / (Math.log10(most) - low) : bars * value / most
  const height = margin * 2 + 44 + rows.length * row
  const width = labels + bars + 110
  const lines = rows.flatMap(({ max, median, min, name }, index) => {
    const y = margin + 44 + index * row
    const ours = isOurs(name)
    const middle = y + 9
    return [
      `<text x="${labels - 8}" y="${y + 13}" text-anchor="end"${ours ? ` font-weight="bold"` : ""}>${
        escaped(name)
      }</text>`,
      `<rect x="${labels}" y="${y}" width="${scale(median).toFixed(1)}" height="18" rx="2" fill="${
        ours ? "var(--ours)" : "var(--other)"
      }"/>`,
      `<path d="M${(labels + scale(min)).toFixed(1)} ${middle}H${
        (labels + scale(max)).toFixed(1)
      }" stroke="var(--range)" stroke-width="2"/>`,
      `<text x="${(labels + scale(max) + 8).toFixed(1)}" y="${y + 13}">${short(median)}</text>`
    ]
  })
  const subtitle = `${unit}; ${better} is better; median, least to most${isLogarithmic ? "; logarithmic" : ""}`
  return framed({ width, height, title, subtitle }, lines)
}

/** Formats a ratio with two digits: `0.36`, `1.4`, `24`, `490`. */
const times = (ratio: number): string => ratio >= 1_000 ? short(ratio) : String(Number(ratio.toPrecision(2)))

/** Draws a table of how many times better socketpool does: green where it does, orange where the other pool does. */
export const glance = (
  { pools, rows }: { readonly pools: ReadonlyArray<string>; readonly rows: ReadonlyArray<Compared> }
): string => {
  const cell = { width: 100, height: 30 }
  const labels = 330
  const top = 96
  const width = labels + pools.length * cell.width + margin
  const height = top + rows.length * cell.height + margin
  const lines = rows.flatMap(({ label, ratios }, line) => {
    const y = top + line * cell.height
    return [
      `<text x="${labels - 12}" y="${y + 19}" text-anchor="end">${escaped(label)}</text>`,
      ...ratios.flatMap((ratio, column) => {
        if (ratio === undefined) return []
        const x = labels + column * cell.width
        const color = ratio === "failed" || ratio >= 1.1 ? "good" : ratio <= 1 / 1.1 ? "bad" : "fair"
        const text = ratio === "failed" ? "it failed" : `${times(ratio)} ×`
        return [
          `<rect x="${x + 2}" y="${y + 2}" width="${cell.width - 4}" height="${cell.height - 4}" rx="4" ` +
          `fill="var(--${color})"/>`,
          `<text x="${x + cell.width / 2}" y="${y + 19}" text-anchor="middle">${text}</text>`
        ]
      })
    ]
  })
  return framed(
    {
      width,
      height,
      title: "How many times better socketpool does",
      subtitle: "Green: socketpool does better. Orange: the other pool does. Grey: within 10 %."
    },
    [
      ...pools.map((name, column) =>
        `<text x="${labels + (column + 0.5) * cell.width}" y="${top - 10}" text-anchor="middle" font-weight="bold">${
          escaped(name)
        }</text>`
      ),
      ...lines
    ]
  )
}
