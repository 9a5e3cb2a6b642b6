/** A chart over time, with a table that shows the same values as text. */
import uPlot from "uplot"
import { el, setText, setValue, table } from "./dom.js"
import { time } from "./format.js"
import type { Point } from "./model.js"

export interface Line {
  readonly key: Exclude<keyof Point, "at">
  readonly label: string
  /** The custom property of the style sheet with the colour. */
  readonly color: string
  readonly dash?: Array<number>
  readonly width?: number
  readonly isFilled?: boolean
  /** True if a value holds until the next one, as counts do. */
  readonly isStepped?: boolean
}

export interface ChartOptions {
  readonly title: string
  readonly note?: string
  readonly lines: ReadonlyArray<Line>
  readonly format: (value: number | null) => string
  /** True if all values are whole numbers. */
  readonly isWhole?: boolean
  /** The lowest top of the scale. */
  readonly minTop: number
}

const height = 210
/** The shortest time that a chart spans, in seconds. */
const minSeconds = 30

const css = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

export class Chart {
  readonly element: HTMLElement
  private readonly container = el("div", { class: "plot", "aria-hidden": "true" })
  private readonly caption: HTMLElement
  private readonly cells = new Map<Line, HTMLElement>()
  private plot: uPlot | undefined
  private points: ReadonlyArray<Point> = []
  private hovered: number | undefined
  private readonly resizes = new ResizeObserver(() => this.fit())

  constructor(private readonly options: ChartOptions) {
    const { lines, note, title } = options
    const { body, box, caption } = table(`${title} now`, ["Line", "Value"], { class: "readout" })
    this.caption = caption
    for (const line of lines) {
      const cell = el("td", { class: "number", "data-line": line.key })
      this.cells.set(line, cell)
      const swatch = el("span", { class: `swatch${line.dash ? " dashed" : ""}`, "data-color": line.color })
      swatch.style.setProperty("--color", `var(${line.color})`)
      body.append(el("tr", {}, el("th", { scope: "row" }, swatch, line.label), cell))
    }
    this.element = el(
      "section",
      { class: "card chart" },
      el("h3", {}, title),
      ...(note === undefined ? [] : [el("p", { class: "note" }, note)]),
      el("div", { class: "beside" }, this.container, box)
    )
    this.resizes.observe(this.container)
  }

  show(points: ReadonlyArray<Point>): void {
    this.points = points
    this.plot?.setData(this.data())
    this.showValues()
  }

  /** Draws again, with the current colours. */
  redraw(): void {
    this.plot?.destroy()
    this.plot = undefined
    this.fit()
  }

  destroy(): void {
    this.resizes.disconnect()
    this.plot?.destroy()
  }

  private fit(): void {
    const width = Math.floor(this.container.clientWidth)
    if (width === 0) return
    if (this.plot === undefined) this.plot = new uPlot(this.config(width), this.data(), this.container)
    else if (this.plot.width !== width) this.plot.setSize({ width, height })
  }

  private data(): uPlot.AlignedData {
    const values = this.options.lines.map(({ key }) => this.points.map((point) => point[key]))
    return [this.points.map(({ at }) => at), ...values] as uPlot.AlignedData
  }

  /** Shows the values under the pointer, or the latest ones. */
  private showValues(): void {
    const point = (this.hovered === undefined ? undefined : this.points[this.hovered]) ?? this.points.at(-1)
    const when = this.hovered === undefined || point === undefined ? "now" : `at ${time(point.at * 1_000)}`
    setText(this.caption, `${this.options.title} ${when}`)
    for (const [line, cell] of this.cells) {
      const value = point?.[line.key] ?? null
      setValue(cell, this.options.format(value), value)
    }
  }

  private config(width: number): uPlot.Options {
    const { format, isWhole = false, minTop, lines } = this.options
    const axis = {
      stroke: css("--muted"),
      font: "12px system-ui, sans-serif",
      grid: { stroke: css("--grid"), width: 1 },
      ticks: { show: false }
    }
    return {
      width,
      height,
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      scales: {
        x: { range: (_, min, max) => [Math.min(min, max - minSeconds), max] },
        y: { range: (_, __, max) => [0, Math.max(minTop, max * 1.08)] }
      },
      axes: [
        { ...axis, size: 28, space: 90, values: (_, splits) => splits.map((at) => time(at * 1_000)) },
        {
          ...axis,
          size: 62,
          space: 34,
          ...(isWhole ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000] } : {}),
          values: (_, splits) => splits.map((value) => format(value))
        }
      ],
      series: [
        {},
        ...lines.map(({ color, dash, isFilled = false, isStepped = false, label, width = 2 }): uPlot.Series => ({
          label,
          stroke: css(color),
          width,
          ...(dash === undefined ? {} : { dash }),
          ...(isFilled ? { fill: `${css(color)}2e` } : {}),
          ...(isStepped ? { paths: uPlot.paths.stepped!({ align: 1 }) } : {}),
          points: { show: false },
          spanGaps: true
        }))
      ],
      hooks: {
        setCursor: [(plot) => {
          this.hovered = (plot.cursor.left ?? -1) < 0 ? undefined : plot.cursor.idx ?? undefined
          this.showValues()
        }]
      }
    }
  }
}

export const charts: ReadonlyArray<ChartOptions> = [
  {
    title: "Connections",
    note: "Open connections, and requests waiting for one.",
    lines: [
      { key: "maxConnections", label: "maximum", color: "--cap", dash: [4, 4], width: 1, isStepped: true },
      { key: "idle", label: "idle", color: "--idle", isStepped: true },
      { key: "inUse", label: "in use", color: "--in-use", isFilled: true, isStepped: true },
      { key: "opening", label: "opening", color: "--opening", dash: [6, 4], isStepped: true },
      { key: "pending", label: "pending", color: "--pending", isStepped: true }
    ],
    format: (value) => value === null ? "–" : String(value),
    isWhole: true,
    minTop: 2
  },
  {
    title: "Requests",
    note: "Per second since the previous sample.",
    lines: [
      { key: "served", label: "served", color: "--in-use", isFilled: true },
      { key: "failed", label: "failed", color: "--pending" }
    ],
    format: (value) => value === null ? "–" : `${round(value)}/s`,
    minTop: 1
  },
  ...(["wait", "use"] as const).map((what): ChartOptions => ({
    title: what === "wait" ? "Wait for a connection" : "Use of a connection",
    note: "Mean since the previous sample; percentiles of the last minute.",
    lines: [
      ...(what === "wait" ?
        [{ key: "oldestWait", label: "oldest, now", color: "--in-use", width: 1, isStepped: true } as const] :
        []),
      {
        key: `${what}Mean`,
        label: "mean",
        color: what === "wait" ? "--pending" : "--in-use",
        isFilled: true
      },
      { key: `${what}P50`, label: "p50, 1 min", color: "--idle", width: 1.5 },
      { key: `${what}P95`, label: "p95, 1 min", color: "--opening", dash: [6, 4], width: 1.5 },
      { key: `${what}P99`, label: "p99, 1 min", color: "--cap", dash: [2, 3], width: 1.5 }
    ],
    format: (value) => value === null ? "–" : value >= 1_000 ? `${round(value / 1_000)} s` : `${round(value)} ms`,
    minTop: 1
  }))
]

function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}
