/** The notices of a pool, newest first, with a filter. */
import type { PoolEvent } from "@socketpool/core/PoolEvent"
import { el, KeyedList, setHidden, setText, table } from "./dom.js"
import { millis, time } from "./format.js"
import type { PoolModel } from "./model.js"

const tags: ReadonlyArray<PoolEvent["_tag"]> = [
  "Opened",
  "OpenFailed",
  "Closed",
  "Exhausted",
  "Overloaded",
  "Recovered",
  "LeakSuspected",
  "LeakReturned",
  "Cleared",
  "Resized",
  "EndpointsChanged",
  "EndpointsEmpty",
  "EndpointEjected",
  "EndpointRestored",
  "EndpointMoved",
  "Draining",
  "PoolClosed"
]

const describe = (event: PoolEvent): string => {
  switch (event._tag) {
    case "Opened":
      return `connection ${event.connectionId}, in ${millis(event.tookMillis)}`
    case "OpenFailed":
      return `connection ${event.connectionId}: ${event.error}`
    case "Closed":
      return `connection ${event.connectionId}: ${event.reason}`
    case "Exhausted":
      return `${event.reason}, after ${millis(event.waitedMillis)}`
    case "Overloaded":
      return `every wait is ${millis(event.leastWaitMillis)} or longer`
    case "Recovered":
      return `after ${millis(event.overloadedMillis)}`
    case "LeakSuspected":
    case "LeakReturned":
    case "Borrowed":
    case "Released": {
      const { fiber, heldMillis, span } = event.holder
      return `connection ${event.connectionId}, fiber ${fiber}${span === undefined ? "" : ` in ${span}`}, ` +
        `held for ${millis(heldMillis)}`
    }
    case "Resized":
      return `${event.minConnections} to ${event.maxConnections} connections`
    case "EndpointsChanged":
      return [...event.added.map((id) => `+ ${id}`), ...event.removed.map((id) => `− ${id}`)].join(", ")
    case "EndpointEjected":
      return `${event.endpoint}, for ${millis(event.forMillis)}: ${event.error}`
    case "EndpointRestored":
      return event.endpoint
    case "EndpointMoved":
      return `${event.endpoint}, from tier ${event.from} to ${event.to}`
    case "EndpointsEmpty":
    case "Cleared":
    case "Draining":
    case "PoolClosed":
      return ""
  }
}

const isBad = (event: PoolEvent): boolean =>
  ["OpenFailed", "Exhausted", "Overloaded", "LeakSuspected", "EndpointEjected"].includes(event._tag)

export class Feed {
  readonly element: HTMLElement
  private readonly filter = el(
    "select",
    { id: "feed-filter" },
    el("option", { value: "" }, "all"),
    ...tags.map((tag) => el("option", { value: tag }, tag))
  )
  private readonly rows: KeyedList<PoolEvent>
  private readonly keys = new WeakMap<PoolEvent, string>()
  private lastKey = 0
  private pool: PoolModel | undefined
  private readonly box: HTMLElement
  private readonly empty = el("p", { class: "nothing" })

  constructor() {
    const { body, box } = table("Events, newest first", ["Time", "Event", "Details"], { class: "feed" })
    this.box = box
    this.rows = new KeyedList(body, (event) => this.keyOf(event), (event) =>
      el(
        "tr",
        { "data-event": event._tag, class: isBad(event) ? "bad" : undefined },
        el("td", { class: "time" }, time(event.at)),
        el("td", {}, event._tag),
        el("td", { class: "long" }, describe(event))
      ))
    this.filter.addEventListener("change", () => this.pool && this.show(this.pool))
    this.element = el(
      "section",
      { class: "card" },
      el("div", { class: "heading" }, el("h3", {}, "Events"), el("label", {}, "Show ", this.filter)),
      box,
      this.empty
    )
  }

  show(pool: PoolModel): void {
    this.pool = pool
    const tag = this.filter.value
    const shown = tag === "" ? pool.notices : pool.notices.filter((event) => event._tag === tag)
    this.rows.show(shown)
    setHidden(this.box, shown.length === 0)
    setHidden(this.empty, shown.length > 0)
    setText(this.empty, pool.notices.length === 0 ? "None so far." : `None of the kind ${tag}.`)
  }

  private keyOf(event: PoolEvent): string {
    let key = this.keys.get(event)
    if (key === undefined) this.keys.set(event, key = String(++this.lastKey))
    return key
  }
}
