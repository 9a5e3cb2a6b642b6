/** The requests that have been sent: which of them a message answers. */
import { List } from "../list.js"
import type { Entry } from "./entry.js"
import type { InOrderRules, Rules, TaggedRules, TagStore } from "./rules.js"

/** A message that answers no request. */
export class Pushed {
  constructor(readonly push: unknown) {}
}

/** The place of a message. */
type Place = Entry | Pushed | undefined

export interface Pending {
  /** Chooses the tag of the next request. It is taken until `release`. */
  readonly tag: () => unknown
  readonly frameOf: (tag: unknown, request: unknown) => unknown
  readonly add: (entry: Entry) => void
  /** The request has its whole response. */
  readonly remove: (entry: Entry) => void
  /** The request will not be sent. */
  readonly release: (tag: unknown) => void
  /** Keeps the place of a request for which nobody waits any more. */
  readonly replace: (entry: Entry, by: Entry) => void
  /** Finds the request that a message answers, or the push that it is. */
  readonly placeOf: (message: unknown) => Place
  readonly entries: () => Iterable<Entry>
  readonly clear: () => void
}

class Line implements Pending {
  private readonly list = new List<Entry>()

  constructor(private readonly rules: InOrderRules) {}

  tag(): undefined {
    return undefined
  }

  frameOf(_tag: unknown, request: unknown): unknown {
    return request
  }

  add(entry: Entry): void {
    this.list.push(entry)
  }

  remove(entry: Entry): void {
    this.list.remove(entry)
  }

  release(): void {}

  replace(entry: Entry, by: Entry): void {
    this.list.insertBefore(by, entry)
    this.list.remove(entry)
  }

  placeOf(message: unknown): Place {
    const push = this.rules.push?.(message)
    return push === undefined || push._tag === "None" ? this.list.head : new Pushed(push.value)
  }

  entries(): Iterable<Entry> {
    return this.list
  }

  clear(): void {
    while (this.list.shift() !== undefined);
  }
}

class Table implements Pending {
  /** The requests that have been sent, and nothing for a tag of one that will be. */
  private readonly byTag = new Map<unknown, Entry | undefined>()
  private readonly tags: TagStore

  constructor(private readonly rules: TaggedRules) {
    this.tags = rules.tags()
  }

  tag(): unknown {
    for (let tries = 0; tries <= this.byTag.size; tries++) {
      const tag = this.tags.next()
      if (this.byTag.has(tag)) continue
      this.byTag.set(tag, undefined)
      return tag
    }
    throw new RangeError(`Protocol.tagged: tags must come to one that is not in use, but all of ${this.byTag.size} are`)
  }

  frameOf(tag: unknown, request: unknown): unknown {
    return this.rules.encode(tag, request)
  }

  add(entry: Entry): void {
    this.byTag.set(entry.tag, entry)
  }

  remove(entry: Entry): void {
    this.byTag.delete(entry.tag)
  }

  release(tag: unknown): void {
    this.byTag.delete(tag)
  }

  replace(entry: Entry, by: Entry): void {
    this.byTag.set(entry.tag, by)
  }

  placeOf(message: unknown): Place {
    const tag = this.rules.tagOf(message)
    return tag._tag === "None" ? new Pushed(message) : this.byTag.get(tag.value)
  }

  *entries(): Iterable<Entry> {
    for (const entry of this.byTag.values()) if (entry !== undefined) yield entry
  }

  clear(): void {
    this.byTag.clear()
  }
}

export const make = (rules: Rules): Pending => rules._tag === "InOrder" ? new Line(rules) : new Table(rules)
