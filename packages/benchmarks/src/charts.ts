/** Draws bar charts as SVG that is legible on light and dark backgrounds. */
import { isOurs, ranked, short } from "./report.js"
import type { Table } from "./workload.js"

const row = 26
const labels = 300
const bars = 420
const margin = 12

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

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
        ours ? "#2563eb" : "#94a3b8"
      }"/>`,
      `<path d="M${(labels + scale(min)).toFixed(1)} ${middle}H${
        (labels + scale(max)).toFixed(1)
      }" stroke="#64748b" stroke-width="2"/>`,
      `<text x="${(labels + scale(max) + 8).toFixed(1)}" y="${y + 13}">${short(median)}</text>`
    ]
  })
  const subtitle = `${unit}; ${better} is better; median, least to most${isLogarithmic ? "; logarithmic" : ""}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="system-ui, sans-serif" font-size="13">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<g fill="#0f172a">`,
    `<text x="${margin}" y="${margin + 14}" font-size="16" font-weight="bold">${escaped(title)}</text>`,
    `<text x="${margin}" y="${margin + 32}" fill="#475569">${escaped(subtitle)}</text>`,
    ...lines,
    "</g>",
    "</svg>",
    ""
  ].join("\n")
}
