/** Failed opens and requests, grouped by kind. The page imports this file too, so it loads nothing. */
import type { PoolEvent } from "@socketpool/core/PoolEvent"
import type { FailureGroup } from "../History.js"

/** The most kinds that are kept, because the text of an error can contain anything. */
const maxGroups = 20

export const isFailure = (event: PoolEvent): boolean => event._tag === "OpenFailed" || event._tag === "Exhausted"

/** An IPv4 address, or a number. */
const numbers = /\d+(?:\.\d+){3}|\d+(?:\.\d+)?/g

/** Two failures are of one kind if they differ in numbers alone, such as ports and durations, but not in addresses. */
const kindOf = (event: PoolEvent): string => {
  if (event._tag === "Exhausted") return event.reason
  if (event._tag !== "OpenFailed") return event._tag
  return `OpenFailed ${event.error.replace(numbers, (text) => text.split(".").length === 4 ? text : "#")}`
}

export class Failures {
  /** By kind, the one that was seen last at the end. */
  private readonly groups = new Map<string, FailureGroup>()

  constructor(groups: ReadonlyArray<FailureGroup> = []) {
    for (const group of groups) this.groups.set(kindOf(group), group)
  }

  add(event: PoolEvent): void {
    const kind = kindOf(event)
    const { count = 0, firstAt = event.at } = this.groups.get(kind) ?? {}
    this.groups.delete(kind)
    this.groups.set(kind, { ...event, count: count + 1, firstAt })
    const [oldest] = this.groups.keys()
    if (this.groups.size > maxGroups) this.groups.delete(oldest!)
  }

  /** Returns the groups, the one that was seen last at the end. */
  toArray(): ReadonlyArray<FailureGroup> {
    return [...this.groups.values()]
  }
}
