/** Elements. Every text goes in as text: names, spans and errors are whatever their makers like. */

type Child = Node | string
type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

const fill = <E extends Element>(element: E, attributes: Attributes, children: ReadonlyArray<Child>): E => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value))
  }
  element.append(...children)
  return element
}

export const el = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: ReadonlyArray<Child>
): HTMLElementTagNameMap[K] => fill(document.createElement(tag), attributes, children)

/** Sets a text, if it is another: what has not changed must not be read out, nor laid out, again. */
export const setText = (element: Element, text: string): void => {
  if (element.textContent !== text) element.textContent = text
}

/** Sets a number as people read it, and as it is. */
export const setValue = (element: HTMLElement, text: string, value: number | null): void => {
  setText(element, text)
  const raw = value === null ? "" : String(value)
  if (element.dataset["value"] !== raw) element.dataset["value"] = raw
}

export const setHidden = (element: HTMLElement, hidden: boolean): void => {
  if (element.hidden !== hidden) element.hidden = hidden
}

export const button = (text: string, attributes: Attributes, act: () => void): HTMLButtonElement => {
  const made = el("button", { type: "button", ...attributes }, text)
  made.addEventListener("click", act)
  return made
}

/** A table with a caption and heads, in a box of its own that scrolls when it is too wide. */
export const table = (
  caption: string,
  heads: ReadonlyArray<string>,
  attributes: Attributes = {}
): { readonly box: HTMLElement; readonly caption: HTMLElement; readonly body: HTMLElement } => {
  const captionElement = el("caption", {}, caption)
  const body = el("tbody")
  const head = el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text))))
  const whole = el("table", attributes, captionElement, head, body)
  // A box that scrolls must be reachable by keyboard, and then it must have a name.
  const box = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, whole)
  return { box, caption: captionElement, body }
}

/**
 * Makes the children of `parent` those of `items`, in their order. An item that was there keeps its element, and with it
 * the focus; one that stays where it is, is not touched.
 */
export class Keyed<A> {
  private readonly elements = new Map<string, HTMLElement>()

  constructor(
    private readonly parent: HTMLElement,
    private readonly keyOf: (item: A) => string,
    private readonly make: (item: A) => HTMLElement,
    private readonly update: (element: HTMLElement, item: A) => void = () => {}
  ) {}

  show(items: ReadonlyArray<A>): void {
    const keys = new Set(items.map(this.keyOf))
    for (const [key, element] of this.elements) {
      if (keys.has(key)) continue
      element.remove()
      this.elements.delete(key)
    }
    let at = this.parent.firstElementChild
    for (const item of items) {
      const key = this.keyOf(item)
      let element = this.elements.get(key)
      if (element === undefined) {
        element = this.make(item)
        this.elements.set(key, element)
      }
      this.update(element, item)
      if (element === at) at = at.nextElementSibling
      else this.parent.insertBefore(element, at)
    }
  }
}
