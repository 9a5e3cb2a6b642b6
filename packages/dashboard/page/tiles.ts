/** A row of tiles, each with one figure of a pool. */
import { el, setValue } from "./dom.js"
import { none } from "./format.js"
import type { PoolModel, PoolStats } from "./model.js"

export interface Figure {
  readonly key: string
  readonly label: string
  readonly color?: string
  readonly of: (pool: PoolModel, stats: PoolStats) => number | null
  readonly format: (value: number | null) => string
}

export class Tiles {
  readonly element: HTMLElement
  private readonly values = new Map<Figure, HTMLElement>()

  constructor(figures: ReadonlyArray<Figure>) {
    const tiles = figures.map((figure) => {
      const value = el("dd", { "data-figure": figure.key }, none)
      this.values.set(figure, value)
      const swatch = el("span", { class: "swatch" })
      if (figure.color !== undefined) swatch.style.setProperty("--color", `var(${figure.color})`)
      return el(
        "div",
        { class: "tile" },
        el("dt", {}, ...(figure.color === undefined ? [] : [swatch]), figure.label),
        value
      )
    })
    this.element = el("dl", { class: "tiles" }, ...tiles)
  }

  show(pool: PoolModel, stats: PoolStats): void {
    for (const [figure, element] of this.values) {
      const value = figure.of(pool, stats)
      setValue(element, figure.format(value), value)
    }
  }
}
