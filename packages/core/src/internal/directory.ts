/** Which slots a connection stands for. Usually one; more when `open` gives the same value several times. */
import type { Slot } from "./state.js"

export class Directory<C> {
  private readonly entries = new Map<C, Slot<C> | Set<Slot<C>>>()

  add(connection: C, slot: Slot<C>): void {
    const entry = this.entries.get(connection)
    if (entry === undefined) this.entries.set(connection, slot)
    else if (entry instanceof Set) entry.add(slot)
    else this.entries.set(connection, new Set([entry, slot]))
  }

  remove(connection: C, slot: Slot<C>): void {
    const entry = this.entries.get(connection)
    if (entry === slot) this.entries.delete(connection)
    else if (entry instanceof Set && entry.delete(slot) && entry.size === 0) this.entries.delete(connection)
  }

  /** A slot of this connection that satisfies a condition, the conditions tried in order. */
  find(connection: C, ...conditions: ReadonlyArray<(slot: Slot<C>) => boolean>): Slot<C> | undefined {
    const entry = this.entries.get(connection)
    if (entry === undefined) return undefined
    const slots = entry instanceof Set ? [...entry] : [entry]
    for (const condition of conditions) {
      const found = slots.find(condition)
      if (found !== undefined) return found
    }
    return undefined
  }
}
