import { FastCheck as fc } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { type Linked, List } from "../src/internal/list.js"
import { seeds } from "./search.js"

class Node implements Linked<Node> {
  prev: Node | undefined = undefined
  next: Node | undefined = undefined
  list: List<Node> | undefined = undefined
  constructor(readonly name: number) {}
}

/** The names in a list, forwards and backwards. */
const names = (list: List<Node>) => {
  const backwards: Array<number> = []
  for (let node = list.tail; node !== undefined; node = node.prev) backwards.push(node.name)
  return { forwards: Array.from(list, (node) => node.name), backwards }
}

const step = fc.record({
  act: fc.constantFrom("push", "push", "push", "shift", "pop", "remove", "insertBefore"),
  at: fc.nat({ max: 20 })
})

const [seed] = seeds("list", 1)

describe("List", () => {
  it("holds what an array would hold, in the same order, after any steps", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const list = new List<Node>()
        const model: Array<Node> = []
        let made = 0
        for (const { act, at } of steps) {
          if (act === "push") {
            const node = new Node(made++)
            list.push(node)
            model.push(node)
          } else if (act === "shift") {
            assert.strictEqual(list.shift(), model.shift())
          } else if (act === "pop") {
            assert.strictEqual(list.pop(), model.pop())
          } else if (act === "remove") {
            const [node] = model.splice(at, 1)
            if (node !== undefined) assert.isTrue(list.remove(node))
          } else {
            const node = new Node(made++)
            list.insertBefore(node, model[at])
            model.splice(at, 0, node)
          }
          const forwards = model.map((node) => node.name)
          assert.deepStrictEqual(names(list), { forwards, backwards: [...forwards].reverse() })
          assert.strictEqual(list.length, model.length)
        }
      }),
      { seed }
    )
  })

  it("does not take out what is not in it", () => {
    const list = new List<Node>()
    const other = new List<Node>()
    const node = new Node(1)
    assert.isFalse(list.remove(node))
    other.push(node)
    assert.isFalse(list.remove(node))
    assert.strictEqual(other.length, 1)
    assert.isTrue(other.remove(node))
    assert.isFalse(other.remove(node))
  })

  it("can be walked while each node on the way is taken out", () => {
    const list = new List<Node>()
    for (let name = 0; name < 5; name++) list.push(new Node(name))
    const walked: Array<number> = []
    for (const node of list) {
      list.remove(node)
      walked.push(node.name)
    }
    assert.deepStrictEqual(walked, [0, 1, 2, 3, 4])
    assert.strictEqual(list.length, 0)
  })
})
