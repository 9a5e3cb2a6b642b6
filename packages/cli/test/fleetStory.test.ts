// The lines that tell what happens in the fleet of the demo.
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import type { Report } from "../src/internal/fleet/member.js"
import { Story } from "../src/internal/fleet/story.js"

const holderOf = (number: number) => `process-${number}:1`

/** A report of a process; `others` are the rows of the holders, `dead` those whose places are withheld. */
const report = (
  number: number,
  held: number,
  wanted: number,
  known: ReadonlyArray<number>,
  dead: ReadonlyArray<number> = []
): Report => ({
  _tag: "Report",
  holder: holderOf(number),
  held,
  wanted,
  inUse: held,
  acquired: 0,
  failed: 0,
  holders: known.map((number) => ({
    holder: holderOf(number),
    held: 2,
    wanted: 0,
    isDead: dead.includes(number)
  })),
  isLost: false
})

const told = ({ lines }: Story) =>
  lines.map(({ afterMillis, text }) => afterMillis === undefined ? text : `+${afterMillis} ${text}`)

/** Three processes with 2, 3 and 3 places, of which the first has been killed at 1,000. */
const killed = () => {
  const story = new Story()
  story.reported(900, 1, report(1, 2, 0, [1, 2, 3]))
  story.reported(900, 2, report(2, 3, 4, [1, 2, 3]))
  story.reported(900, 3, report(3, 3, 4, [1, 2, 3]))
  story.died(1_000, 1, "is killed (SIGKILL)")
  return story
}

describe("the story of the fleet", () => {
  it("follows the places of a dead process until others have them", () => {
    const story = killed()
    // It has not asked Redis since.
    story.reported(1_100, 2, report(2, 3, 4, [1, 2, 3]))
    assert.strictEqual(story.withheld(1), 2)
    story.reported(1_200, 3, report(3, 3, 4, [1, 2, 3], [1]))
    story.reported(1_300, 2, report(2, 3, 4, [1, 2, 3], [1]))
    assert.strictEqual(story.withheld(1), 2)
    story.reported(2_100, 2, report(2, 4, 3, [2, 3]))
    assert.deepStrictEqual([story.withheld(1), story.givenAfter], [0, undefined])
    story.reported(2_200, 3, report(3, 4, 3, [2, 3]))
    story.reported(2_300, 3, report(3, 4, 3, [2, 3]))
    assert.strictEqual(story.givenAfter, 1_200)
    assert.deepStrictEqual(told(story), [
      "process 1 is killed (SIGKILL); it held 2 places",
      "+200 Redis withholds the 2 places of process 1 for 1 s",
      "+1200 the 2 places of process 1 are given to others: 1 to process 2, 1 to process 3"
    ])
  })

  it("tells that nobody wants the places of a dead process", () => {
    const story = killed()
    story.reported(1_100, 2, report(2, 3, 0, [2, 3]))
    assert.isUndefined(story.givenAfter)
    story.reported(1_200, 3, report(3, 3, 0, [2, 3]))
    assert.strictEqual(told(story).at(-1), "+200 the 2 places of process 1 are free, and no process wants one")
  })

  it("waits for an answer of Redis before it believes that places are free", () => {
    const story = killed()
    story.started(1_050, 4)
    story.reported(1_100, 4, report(4, 0, 2, []))
    assert.strictEqual(story.withheld(1), 2)
    story.reported(1_500, 4, report(4, 1, 1, [2, 3, 4]))
    assert.strictEqual(told(story).at(-1), "+450 process 4 holds its first place")
    assert.strictEqual(story.withheld(1), 0)
  })

  it("tells that a process cannot reach Redis, once, and that it can again", () => {
    const story = killed()
    for (const isLost of [true, true, false, false]) story.reported(1_100, 2, { ...report(2, 3, 4, [1, 2, 3]), isLost })
    assert.deepStrictEqual(told(story).slice(1), [
      "process 2 cannot reach Redis: it keeps its connections, and opens no other",
      "process 2 reaches Redis again"
    ])
  })

  it("tells how a process without a place ended, and follows nothing", () => {
    const story = killed()
    story.started(1_100, 1)
    story.died(1_200, 1, "ended with exit code 1: out of order")
    assert.strictEqual(told(story).at(-1), "process 1 ended with exit code 1: out of order; it held 0 places")
  })
})
