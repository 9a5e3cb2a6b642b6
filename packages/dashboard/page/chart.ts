/** Lines over time. */
import uPlot from "uplot"

export interface Line {
  readonly label: string
  /** The name of a colour of the page's. */
  readonly color: string
  readonly dash?: ReadonlyArray<number>
  readonly width?: number
}

/** A chart that fills its box, follows its size, and is drawn anew when the colours change. */
export class Chart {
  private plot: uPlot | undefined = undefined
  private data: uPlot.AlignedData = [[]]

  constructor(private readonly box: HTMLElement, private readonly lines: ReadonlyArray<Line>) {
    new ResizeObserver(() => this.fit()).observe(box)
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw())
  }

  /** Times in seconds, then one list of values for each line. */
  show(data: uPlot.AlignedData): void {
    this.data = data
    if (this.plot === undefined) this.draw()
    else this.plot.setData(data)
  }

  private fit(): void {
    const { clientHeight: height, clientWidth: width } = this.box
    if (width > 0) this.plot?.setSize({ width, height })
  }

  private draw(): void {
    const { clientHeight: height, clientWidth: width } = this.box
    if (width === 0) return
    const style = getComputedStyle(document.documentElement)
    const color = (name: string): string => style.getPropertyValue(`--${name}`).trim()
    const axis: uPlot.Axis = {
      stroke: color("soft"),
      grid: { stroke: color("line"), width: 1 },
      ticks: { show: false },
      font: "12px system-ui, sans-serif"
    }
    this.plot?.destroy()
    this.plot = new uPlot(
      {
        width,
        height,
        legend: { show: false },
        cursor: { drag: { x: false, y: false }, points: { size: 6 } },
        scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
        axes: [
          {
            ...axis,
            values: (_plot, ticks) => ticks.map((at) => new Date(at * 1_000).toLocaleTimeString("en-GB")),
            space: 74
          },
          { ...axis, size: 46 }
        ],
        series: [
          {},
          ...this.lines.map(({ color: name, dash, label, width = 2 }): uPlot.Series => ({
            label,
            stroke: color(name),
            width,
            points: { show: false },
            ...(dash === undefined ? {} : { dash: [...dash] })
          }))
        ]
      },
      this.data,
      this.box
    )
  }
}
