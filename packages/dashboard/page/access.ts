/** The token: typed in, kept for this tab, forgotten. */
import { button, el, setHidden, setText } from "./dom.js"
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
  private readonly kept: HTMLElement
  private readonly label = el("label", { for: "token" }, "Token")

  constructor(changed: () => void) {
    const form = el("form", { class: "row" }, this.label, this.input, el("button", { type: "submit" }, "Use"))
    form.addEventListener("submit", (event) => {
      event.preventDefault()
      if (this.input.value === "") return
      token.set(this.input.value)
      this.input.value = ""
      changed()
    })
    this.form = form
    this.kept = el(
      "p",
      { class: "row" },
      "Token kept for this tab ",
      button("Forget", { "data-forget": "" }, () => {
        token.forget()
        changed()
        this.input.focus()
      })
    )
    this.element = el("div", { class: "access" }, this.form, this.kept)
  }

  show(isWanted: boolean, isRefused: boolean): void {
    const hasToken = token.get() !== null && !isRefused
    setHidden(this.element, !isWanted)
    setHidden(this.form, hasToken)
    setHidden(this.kept, !hasToken)
    setText(this.label, isRefused ? "Token needed to read" : "Token for actions")
  }
}
