/** A member of a `List`. It carries its own links, so that joining and leaving cost O(1) and allocate nothing. */
export interface Linked<N> {
  prev: N | undefined
  next: N | undefined
  list: List<any> | undefined
}

/** An intrusive doubly linked list. A node is in at most one list at a time. */
export class List<N extends Linked<N>> {
  head: N | undefined = undefined
  tail: N | undefined = undefined
  length = 0

  /** Adds a node at the end. The node must be in no list. */
  push(node: N): void {
    node.list = this
    node.prev = this.tail
    node.next = undefined
    if (this.tail === undefined) this.head = node
    else this.tail.next = node
    this.tail = node
    this.length++
  }

  /** Adds a node before another one of this list, or at the end. The node must be in no list. */
  insertBefore(node: N, successor: N | undefined): void {
    if (successor === undefined) return this.push(node)
    node.list = this
    node.prev = successor.prev
    node.next = successor
    if (successor.prev === undefined) this.head = node
    else successor.prev.next = node
    successor.prev = node
    this.length++
  }

  /** Removes and returns the oldest node. */
  shift(): N | undefined {
    const node = this.head
    if (node !== undefined) this.remove(node)
    return node
  }

  /** Removes and returns the newest node. */
  pop(): N | undefined {
    const node = this.tail
    if (node !== undefined) this.remove(node)
    return node
  }

  /** Removes a node from any position. Returns `false` if it is not in this list. */
  remove(node: N): boolean {
    if (node.list !== this) return false
    if (node.prev === undefined) this.head = node.next
    else node.prev.next = node.next
    if (node.next === undefined) this.tail = node.prev
    else node.next.prev = node.prev
    node.prev = undefined
    node.next = undefined
    node.list = undefined
    this.length--
    return true
  }

  /** The nodes, oldest first. Nodes may be removed while walking. */
  *[Symbol.iterator](): Generator<N> {
    let node = this.head
    while (node !== undefined) {
      const next: N | undefined = node.next
      yield node
      node = next
    }
  }
}
