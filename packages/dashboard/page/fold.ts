/** The parts that unfold below the overview: a row for each item, which opens into tables. */
import { el, KeyedList, setHidden, setText, setValue, table } from "./dom.js"
import { count } from "./format.js"
import { symbol } from "./verdict.js"

/** A part of a bar: its number, and the name of its colour. */
type Part = readonly [value: number, color: string]

/** The texts of one row. */
export interface Folded {
  readonly name: string
  /** The words of the row, and whether they are a trouble. There is always something, so that no row jumps. */
  readonly state: string
  readonly isBad: boolean
  /** The figures, each with a key by which it is found. */
  readonly figures: ReadonlyArray<readonly [key: string, value: number, text: string]>
  readonly parts: ReadonlyArray<Part>
  readonly limit: number
  readonly note: string
}

const colors = ["--in-use", "--idle", "--opening"] as const

/** A table that a row opens into. */
export interface Table<Item, Row> {
  readonly caption: string
  /** The class of the table. */
  readonly kind: string
  readonly heads: ReadonlyArray<string>
  readonly rowsOf: (item: Item) => ReadonlyArray<Row>
  readonly keyOf: (row: Row) => string
  readonly make: (row: Row) => HTMLElement
  readonly update: (element: HTMLElement, row: Row) => void
}

/** A table of one row, and how it shows an item. */
interface Shown<Item> {
  readonly box: HTMLElement
  readonly show: (item: Item) => void
}

/** Makes the table of the row with this name. */
type MakeTable<Item> = (name: string) => Shown<Item>

export const tableOf =
  <Item, Row>({ caption, heads, keyOf, kind, make, rowsOf, update }: Table<Item, Row>): MakeTable<Item> => (name) => {
    const { body, box } = table(`${caption} ${name}`, heads, { class: `shares ${kind}` })
    const list = new KeyedList(body, keyOf, make, update)
    return {
      box,
      show: (item) => {
        const rows = rowsOf(item)
        list.show(rows)
        setHidden(box, rows.length === 0)
      }
    }
  }

/** One row with its tables. */
class Fold<Item> {
  readonly element: HTMLDetailsElement
  private readonly bar = el("span", { class: "bar", "aria-hidden": "true" })
  private readonly state = el("span", { class: "fold-state" })
  private readonly figures = el("span", { class: "fold-figures" })
  private readonly note = el("p", { class: "note" })
  private readonly tables: ReadonlyArray<Shown<Item>>

  constructor(id: number, name: string, private readonly options: Folds<Item>) {
    this.tables = options.tables.map((make) => make(name))
    for (const color of colors) {
      const part = el("span")
      part.style.setProperty("--color", `var(${color})`)
      this.bar.append(part)
    }
    this.element = el(
      "details",
      { class: "fold", [options.attribute]: id },
      el("summary", {}, el("span", { class: "fold-name", title: name }, name), this.bar, this.figures, this.state),
      this.note,
      ...this.tables.map(({ box }) => box)
    )
  }

  show(item: Item): void {
    const { figures, isBad, limit, note, parts, state } = this.options.foldedOf(item)
    for (const [key, value, text] of figures) {
      const known = this.figures.querySelector<HTMLElement>(`[data-part="${key}"]`)
      const element = known ?? el("span", { "data-part": key })
      if (known === null) this.figures.append(...(this.figures.childNodes.length === 0 ? [] : [" "]), element)
      setValue(element, text, value)
    }
    const tone = isBad ? "warn" : "good"
    this.element.dataset["tone"] = tone
    setText(this.state, `${symbol[tone]} ${state}`)
    for (const [i, color] of colors.entries()) {
      const value = parts.find(([, of]) => of === color)?.[0] ?? 0
      const share = Math.min(1, value / Math.max(1, limit))
      const part = this.bar.children[i] as HTMLElement
      part.style.setProperty("width", `${share * 100}%`)
      setHidden(part, share === 0)
    }
    setText(this.note, note)
    setHidden(this.note, note === "")
    for (const { show } of this.tables) show(item)
  }
}

/** The items of a section. */
export interface Folds<Item> {
  readonly heading: string
  /** The attribute with the item's number. */
  readonly attribute: string
  readonly foldedOf: (item: Item) => Folded
  readonly tables: ReadonlyArray<MakeTable<Item>>
}

/** A section with a row for each item, hidden while there is none. Open rows stay open while their items are there. */
export class FoldList<Item extends { readonly id: number; readonly name: string }> {
  readonly element: HTMLElement
  private readonly folds = new WeakMap<HTMLElement, Fold<Item>>()
  private readonly list: KeyedList<Item>

  constructor(options: Folds<Item>) {
    const items = el("div", { class: "folds" })
    this.list = new KeyedList<Item>(
      items,
      ({ id, name }) => `${id} ${name}`,
      ({ id, name }) => {
        const fold = new Fold(id, name, options)
        this.folds.set(fold.element, fold)
        return fold.element
      },
      (element, item) => this.folds.get(element)!.show(item)
    )
    this.element = el(
      "section",
      { class: "card", "aria-label": options.heading, hidden: true },
      el("h3", {}, options.heading),
      items
    )
  }

  show(items: ReadonlyArray<Item>): void {
    setHidden(this.element, items.length === 0)
    this.list.show(items)
  }
}

/** The cells of a row after its first, or its first few: a number each. */
export const numberCells = (heads: ReadonlyArray<string>, from = 1): ReadonlyArray<HTMLElement> =>
  heads.slice(from).map((head) => el("td", { class: "number", "data-head": head }))

/** Sets the numbers of a row after its first cell, or its first few. */
export const setNumbers = (
  row: HTMLElement,
  values: ReadonlyArray<number | readonly [text: string, value: number]>,
  from = 1
) => {
  for (const [i, value] of values.entries()) {
    const [text, number] = typeof value === "number" ? [count(value), value] : value
    setValue(row.children[i + from] as HTMLElement, text, number)
  }
}
