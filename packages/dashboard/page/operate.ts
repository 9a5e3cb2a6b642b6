/** The controls that change a pool: resize, clear, and drop. */
import { button, el, setHidden, setText } from "./dom.js"
import type { PoolModel } from "./model.js"
import { act, type Outcome } from "./source.js"

export class Operate {
  readonly element: HTMLElement
  private readonly message = el("p", { class: "message", role: "status", "data-message": "" })
  private readonly controls: HTMLElement
  private readonly size: { readonly min: HTMLInputElement; readonly max: HTMLInputElement }
  private isFilled = false
  private readonly hint = el("p", { class: "note" })

  constructor(private readonly pool: PoolModel) {
    const min = el("input", { id: "resize-min", type: "number", min: 0, max: 1_000_000, inputmode: "numeric", size: 6 })
    const max = el("input", { id: "resize-max", type: "number", min: 1, max: 1_000_000, inputmode: "numeric", size: 6 })
    this.size = { min, max }
    const form = el(
      "form",
      { class: "row" },
      el("label", {}, "Minimum ", min),
      el("label", {}, "Maximum ", max),
      el("button", { type: "submit", "data-action": "resize" }, "Resize")
    )
    form.addEventListener("submit", (event) => {
      event.preventDefault()
      const size = {
        ...(min.value === "" ? {} : { min: Number(min.value) }),
        ...(max.value === "" ? {} : { max: Number(max.value) })
      }
      void this.run(act(pool.id, "resize", size), "The pool was resized.")
    })
    const clear = button(
      "Clear: replace all connections",
      { "data-action": "clear" },
      () =>
        void this.run(
          act(pool.id, "clear", {}),
          "The pool was cleared: idle connections close now, leased ones on release."
        )
    )
    this.controls = el("div", { class: "row" }, form, clear)
    this.element = el(
      "section",
      { class: "card wide operate" },
      el("h3", {}, "Operate"),
      this.hint,
      this.controls,
      this.message
    )
  }

  drop(connectionId: number): void {
    void this.run(act(this.pool.id, "drop", { connectionId }), `Connection ${connectionId} was dropped.`)
  }

  show(mayAct: boolean): void {
    const { isClosed, stats } = this.pool
    // Fills the fields once, so that it does not overwrite the operator's input.
    if (!this.isFilled && stats !== undefined) {
      this.isFilled = true
      this.size.min.value = String(stats.minConnections)
      this.size.max.value = String(stats.maxConnections)
    }
    setHidden(this.controls, !mayAct || isClosed)
    setHidden(this.hint, mayAct && !isClosed)
    setText(
      this.hint,
      isClosed ? "The pool is closed." : "Start the dashboard with a token to drop, clear and resize from here."
    )
  }

  private async run(outcome: Promise<Outcome>, success: string): Promise<void> {
    const { message, ok } = await outcome
    this.message.dataset["message"] = ok ? "ok" : "failed"
    setText(this.message, ok ? success : message)
  }
}
