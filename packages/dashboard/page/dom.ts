/**
 * Elements. Every text is added as text, never as HTML: the names, spans and errors of a pool can contain anything.
 * Characters that cannot be seen or that reorder text are shown as escapes, so that no name hides or poses as another.
 */
import { visible } from "./format.js"

type Child = Node | string
type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

const fill = <E extends Element>(element: E, attributes: Attributes, children: ReadonlyArray<Child>): E => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : visible(String(value)))
  }
  element.append(...children.map((child) => typeof child === "string" ? visible(child) : child))
  return element
}

export const el = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: ReadonlyArray<Child>
): HTMLElementTagNameMap[K] => fill(document.createElement(tag), attributes, children)

/** Sets a text if it differs, so that an unchanged text is neither announced nor laid out again. */
export const setText = (element: Element, text: string): void => {
  const shown = visible(text)
  if (element.textContent !== shown) element.textContent = shown
}

/** Sets a number as text, and its exact value as `data-value`. */
export const setValue = (element: HTMLElement, text: string, value: number | null): void => {
  setText(element, text)
  const raw = value === null ? "" : String(value)
  if (element.dataset["value"] !== raw) element.dataset["value"] = raw
}

export const setHidden = (element: HTMLElement, hidden: boolean): void => {
  if (element.hidden !== hidden) element.hidden = hidden
}

export const button = (text: string, attributes: Attributes, act: () => void): HTMLButtonElement => {
  const element = el("button", { type: "button", ...attributes }, text)
  element.addEventListener("click", act)
  return element
}

/** A table with a caption and heads, in a box that scrolls if the table is too wide. */
export const table = (
  caption: string,
  heads: ReadonlyArray<string>,
  attributes: Attributes = {}
): { readonly box: HTMLElement; readonly caption: HTMLElement; readonly body: HTMLElement } => {
  const captionElement = el("caption", {}, caption)
  const body = el("tbody")
  const head = el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text))))
  const element = el("table", attributes, captionElement, head, body)
  // A box that scrolls must be reachable by keyboard, and so it needs a name.
  const box = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, element)
  return { box, caption: captionElement, body }
}

/**
 * Keeps one child of `parent` for each item, in the order of the items. An item that is shown already keeps its element
 * and with it the focus; an element already in its place is not moved.
 */
export class KeyedList<A> {
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
