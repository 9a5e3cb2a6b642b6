/** A terminal whose pictures become an animated SVG: CSS moves a strip of frames through a window. */
import { Effect, Queue, Stream } from "effect"
import type { Device } from "../../cli/src/internal/screen.js"

/** The lines of a screen, with the escape sequences of their colours. */
type Frame = ReadonlyArray<string>

export interface Recorder {
  readonly device: Device
  readonly press: (key: string) => Effect.Effect<void>
  /** The screen as it is now. */
  readonly frame: () => Frame
}

/** The sequences that the screen draws with, other than colours. */
// oxlint-disable-next-line no-control-regex -- it looks for them
const control = /\x1b\[(?:\?\d+[hl]|[HJK])/g

/** Makes a terminal without a terminal. */
export const recorder = (columns: number, rows: number): Effect.Effect<Recorder> =>
  Effect.map(Queue.unbounded<string>(), (keys) => {
    let last: Frame = []
    return {
      device: {
        isTerminal: true,
        hasColors: true,
        hasBlocks: true,
        columns: () => columns,
        rows: () => rows,
        write: (text) =>
          Effect.sync(() => {
            if (text.startsWith("\x1b[H")) last = text.replace(control, "").split("\r\n")
          }),
        keys: Effect.succeed(Stream.fromQueue(keys))
      },
      press: (key) => Effect.asVoid(Queue.offer(keys, key)),
      frame: () => last
    }
  })

const cell = { width: 8.4, height: 19 }
const margin = 16
const colors: Readonly<Record<string, string>> = {
  "7": "#60a5fa",
  "32": "#4ade80",
  "33": "#facc15",
  "31": "#f87171",
  "2": "#94a3b8"
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

/** Draws a line: a text for each run of one colour, placed by its column, so that no font moves what follows. */
const drawn = (line: string, y: number): string => {
  let column = 0
  let style = ""
  // oxlint-disable-next-line no-control-regex -- it looks for them
  return line.split(/(\x1b\[\d*m)/).map((part) => {
    // oxlint-disable-next-line no-control-regex -- it looks for them
    const code = /^\x1b\[(\d*)m$/.exec(part)?.[1]
    if (code !== undefined) {
      const isBold = code === "1" || code === "7"
      style = (isBold ? ` font-weight="bold"` : "") + (colors[code] === undefined ? "" : ` fill="${colors[code]}"`)
      return ""
    }
    const indent = part.length - part.trimStart().length
    const text = part.trim()
    const x = margin + (column + indent) * cell.width
    column += part.length
    return text === ""
      ? ""
      : `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" textLength="${(text.length * cell.width).toFixed(1)}"${style}>${
        escaped(text)
      }</text>`
  }).join("")
}

/** Draws frames, each shown for so many milliseconds, as one SVG that plays for ever. */
export const animated = (
  frames: ReadonlyArray<Frame>,
  { columns, millis, rows, title }: {
    readonly columns: number
    readonly rows: number
    readonly millis: number
    readonly title: string
  }
): string => {
  const width = Math.ceil(columns * cell.width + 2 * margin)
  const height = Math.ceil(rows * cell.height + 2 * margin)
  const strip = frames.map((frame, i) =>
    `<g>${
      frame.slice(0, rows).map((line, row) => drawn(line, i * height + margin + (row + 0.8) * cell.height)).join("")
    }</g>`
  )
  // A reader who wants no motion sees the last frame.
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<title>${escaped(title)}</title>`,
    "<style>",
    `.strip { transform: translateY(-${(frames.length - 1) * height}px) }`,
    `@media (prefers-reduced-motion: no-preference) { .strip { animation: play ${
      frames.length * millis / 1_000
    }s steps(${frames.length}) infinite } }`,
    `@keyframes play { from { transform: translateY(0) } to { transform: translateY(-${frames.length * height}px) } }`,
    "text { white-space: pre }",
    "</style>",
    `<rect width="100%" height="100%" rx="8" fill="#0f172a"/>`,
    `<g class="strip" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" fill="#e2e8f0">`,
    ...strip,
    "</g>",
    "</svg>",
    ""
  ].join("\n")
}
