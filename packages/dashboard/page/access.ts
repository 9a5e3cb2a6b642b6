/** The token field: takes the token, keeps it for this tab, and forgets it. */
import { button, el, setHidden } from "./dom.js"
import { token } from "./source.js"

export class Access {
  readonly element: HTMLElement
  private readonly input = el("input", {
    id: "token",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    size: 16
  })
  private readonly form: HTMLElement
  private readonly stored: HTMLElement

  constructor(onChange: () => void) {
    const label = el("label", { for: "token" }, "Token required")
    const form = el("form", { class: "row" }, label, this.input, el("button", { type: "submit" }, "Use"))
    form.addEventListener("submit", (event) => {
      event.preventDefault()
      if (this.input.value === "") return
      token.set(this.input.value)
      this.input.value = ""
      onChange()
    })
    this.form = form
    this.stored = el(
      "p",
      { class: "row" },
      "Token stored for this tab ",
      button("Forget", { "data-forget": "" }, () => {
        token.forget()
        onChange()
        this.input.focus()
      })
    )
    this.element = el("div", { class: "access" }, this.form, this.stored)
  }

  show(isRejected: boolean): void {
    const hasToken = token.get() !== null && !isRejected
    setHidden(this.element, !isRejected && !hasToken)
    setHidden(this.form, hasToken)
    setHidden(this.stored, !hasToken)
  }
}
