/** Finds the slots of a connection: usually one, more if `open` gives the same value several times. */
import type { Lease, Slot } from "./state.js"

export class SlotIndex<C> {
  private readonly entries = new Map<C, Slot<C> | Set<Slot<C>>>()
  /** The slots of views whose leases have ended. Neither the view nor the slot is kept alive by it. */
  private readonly ended = new WeakMap<object, WeakRef<Slot<C>>>()

  add(connection: C, slot: Slot<C>): void {
    const entry = this.entries.get(connection)
    if (entry === undefined) this.entries.set(connection, slot)
    else if (entry instanceof Set) entry.add(slot)
    else if (entry !== slot) this.entries.set(connection, new Set([entry, slot]))
  }

  remove(connection: C, slot: Slot<C>): void {
    const entry = this.entries.get(connection)
    if (entry === slot) this.entries.delete(connection)
    else if (entry instanceof Set && entry.delete(slot) && entry.size === 0) this.entries.delete(connection)
  }

  /** Takes out a view whose lease has ended; it still leads to its slot. */
  retire(view: C, slot: Slot<C>): void {
    this.remove(view, slot)
    if (typeof view !== "object" || view === null) return
    this.ended.set(view, slot.reference ??= new WeakRef(slot))
  }

  /** Returns the slot of a view whose lease has ended. */
  former(view: C): Slot<C> | undefined {
    return typeof view === "object" && view !== null ? this.ended.get(view)?.deref() : undefined
  }

  private slots(connection: C): Iterable<Slot<C>> {
    const entry = this.entries.get(connection)
    return entry === undefined ? [] : entry instanceof Set ? entry : [entry]
  }

  /** Returns a slot of this connection that satisfies a condition. Tries the conditions in order. */
  slot(connection: C, ...conditions: ReadonlyArray<(slot: Slot<C>) => boolean>): Slot<C> | undefined {
    for (const condition of conditions) {
      for (const slot of this.slots(connection)) if (condition(slot)) return slot
    }
    return undefined
  }

  /**
   * Returns a lease that was given this connection, or view, and satisfies a condition. Tries the conditions in order.
   */
  lease(connection: C, ...conditions: ReadonlyArray<(lease: Lease<C>) => boolean>): Lease<C> | undefined {
    for (const condition of conditions) {
      for (const slot of this.slots(connection)) {
        for (const lease of slot.leases) {
          if (lease.phase === "Held" && lease.lent === connection && condition(lease)) return lease
        }
      }
    }
    return undefined
  }
}
