/** Putting things on the page. All text goes in as text: names, spans and errors are anybody's. */

export const byId = <E extends HTMLElement = HTMLElement>(id: string): E => document.getElementById(id) as E

type Child = Node | string

export const element = (
  name: string,
  attributes: Readonly<Record<string, string>>,
  ...children: ReadonlyArray<Child>
): HTMLElement => {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** Sets a text only if it is another: what does not change is not read out again. */
export const say = (target: Element, text: string): void => {
  if (target.textContent !== text) target.textContent = text
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 })
const fine = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 })

export const count = (n: number): string => whole.format(n)
export const figure = (n: number): string => n >= 1_000 ? whole.format(n) : fine.format(n)

export const span = (millis: number): string =>
  millis < 1_000
    ? `${whole.format(millis)} ms`
    : millis < 60_000
    ? `${(millis / 1_000).toFixed(1)} s`
    : millis < 3_600_000
    ? `${Math.floor(millis / 60_000)} min ${Math.floor(millis / 1_000) % 60} s`
    : `${Math.floor(millis / 3_600_000)} h ${Math.floor(millis / 60_000) % 60} min`

export const clock = (at: number): string => new Date(at).toLocaleTimeString("en-GB")

export const timeOf = (at: number): HTMLElement => element("time", { datetime: new Date(at).toISOString() }, clock(at))

/** One cell of a table: a header with an optional colour, a text, or a number. */
export type Cell = { readonly head: string; readonly color?: string } | { readonly n: string } | string

const cell = (content: Cell): HTMLElement => {
  if (typeof content === "string") return element("td", { class: "wrap" }, content)
  if ("n" in content) return element("td", { class: "n" }, content.n)
  if (content.color === undefined) return element("th", { scope: "row" }, content.head)
  const key = element("span", { class: "key" })
  key.style.background = `var(--${content.color})`
  return element("th", { scope: "row" }, key, content.head)
}

/** Fills a table of figures; the first column is text, the others numbers. */
export const fill = (
  table: HTMLElement,
  columns: ReadonlyArray<string>,
  rows: ReadonlyArray<{ readonly key: string; readonly cells: ReadonlyArray<Cell> }>
): void => {
  const head = table.querySelector("thead")!
  if (head.childElementCount === 0) {
    head.append(element(
      "tr",
      {},
      ...columns.map((column, i) => element("th", i === 0 ? { scope: "col" } : { scope: "col", class: "n" }, column))
    ))
  }
  table.querySelector("tbody")!.replaceChildren(
    ...rows.map(({ cells, key }) => {
      const isZero = cells.every((content, i) =>
        i === 0 || (typeof content === "object" && "n" in content && content.n === "0")
      )
      return element("tr", { "data-row": key, class: isZero ? "zero" : "" }, ...cells.map(cell))
    })
  )
}
