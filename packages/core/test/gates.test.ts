import { assert, describe, it } from "@socketpool/test-seam/virtual"
import type { Command } from "./model/commands.js"
import type { Behaviour, Hook } from "./model/connector.js"
import { forgetsRejections } from "./model/plants.js"
import { Run } from "./model/run.js"
import { type Setting, usual } from "./model/setting.js"
import type { Plant } from "./model/stage.js"
import { breathe, isLong, replayed, seeds } from "./search.js"

const { SOCKETPOOL_COMBINATION } = process.env
const [seed] = seeds("gates", 1)

/**
 * The places where the outside world comes in. `onRelease` and a close have no typed failure: in place of failing, `onRelease` says
 * that the connection is no good, and a close dies of something that is no `Error`.
 */
const hooks = ["open", "validate", "onRelease", "close"] as const
/** Milliseconds: less than any timeout. */
const slowly = 120
const ways: ReadonlyArray<Behaviour> = ["ok", "fail", "die", slowly, "never"]

type Gates = { readonly [_ in Hook]: Behaviour }

/** Combination number n, in base 5. */
const combination = (n: number): Gates => ({
  open: ways[n % 5]!,
  validate: ways[Math.floor(n / 5) % 5]!,
  onRelease: ways[Math.floor(n / 25) % 5]!,
  close: ways[Math.floor(n / 125) % 5]!
})

const combinations = ways.length ** hooks.length
/** The moments of the cancel with which each combination can be played. */
const moments = [0, 1, 2, 3]

/**
 * The moments with which this run plays a combination. A short run without a seed to replay plays a fifth of the
 * combinations, once each: that fifth has all that three of the hooks can do together.
 */
const momentsOf = (n: number): ReadonlyArray<number> => {
  if (isLong || replayed !== undefined) return moments
  const digits = n.toString(5).split("").map(Number)
  return digits.reduce((sum, digit) => sum + digit, 0) % 5 === 0 ? [n % moments.length] : []
}

/** Numbers that look random and depend on the seed alone (mulberry32). */
const randomly = (seed: number) => {
  let state = seed | 0
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const setting: Setting = { ...usual, max: 2, maxConnecting: 2, validateAfterIdle: 100, hasOnRelease: true }

const borrows = ["Use", "Get", "Acquire"] as const
const ends = ["succeeds", "fails", "dies"] as const

/** Borrowers come, hold for a while, leave a connection idle for long enough to be validated, and come again. */
const story = (random: (below: number) => number): Array<Command> => {
  const commands: Array<Command> = []
  const borrow = (count: number) => {
    for (let i = 0; i < count; i++) commands.push({ _tag: borrows[random(3)]! })
  }
  const finish = (count: number) => {
    for (let i = 0; i < count; i++) commands.push({ _tag: "Finish", at: random(3), how: ends[random(6)] ?? "succeeds" })
  }
  const pass = (least: number) => commands.push({ _tag: "Pass", millis: least + random(100) })
  for (let round = 0; round < 2; round++) {
    borrow(3)
    pass(0)
    finish(2)
    borrow(1)
    pass(round * 100)
    finish(2)
    pass(150)
  }
  borrow(3)
  pass(0)
  finish(1)
  commands.splice(random(commands.length), 0, { _tag: "Interrupt", at: random(3) }, {
    _tag: "Pass",
    millis: random(60)
  })
  return commands
}

const tell = (gates: Gates) => hooks.map((hook) => `${hook} ${gates[hook]}`).join(", ")

/** The faults of one combination; none if all is well. */
const play = (
  n: number,
  among: ReadonlyArray<number>,
  plant: Plant = {},
  count: (command: Command) => void = () => {}
): ReadonlyArray<string> => {
  const gates = combination(n)
  const problems: Array<string> = []
  for (const moment of among) {
    const random = randomly(seed + n * moments.length + moment)
    const options = { ...setting, min: moment % 2, opensEarly: moment % 3 === 0 }
    // Every other time the first opens succeed whatever comes, so that the other gates are reached in any case.
    const firstOpens: ReadonlyArray<Behaviour> = moment % 2 === 0 ? ["ok", "ok", "ok"] : []
    try {
      const run = new Run(options, plant, gates, firstOpens)
      for (const command of story(random)) {
        if (run.step({ command, hurried: false })) count(command)
      }
      const canOpen = gates.open === "ok" || gates.open === slowly
      // Either the outage ends first, or the pool is closed in the midst of it.
      if (moment < moments.length / 2) run.end()
      else {
        if (canOpen) run.lendsAll()
        run.closes()
      }
      const unexpected = run.log.filter((line) => !line.startsWith(`Pool "modelled": `))
      if (unexpected.length > 0) problems.push(`unhandled: ${unexpected.join("; ")}`)
    } catch (error) {
      problems.push(`combination ${n} (${tell(gates)}), moment ${moment}: ${String(error)}`)
    }
  }
  return problems
}

const replay = (problems: ReadonlyArray<string>) =>
  `${problems[0]}\n… and ${problems.length - 1} more\n` +
  `again: SOCKETPOOL_SEED=${seed}, and SOCKETPOOL_COMBINATION= one of the numbers`

describe("with every combination of opens, validations, resets and closes that work, fail, die, are slow or hang", () => {
  it("the pool keeps its promises, whenever a borrower is cancelled", async () => {
    const counts = new Map<string, number>()
    const only = SOCKETPOOL_COMBINATION === undefined ? undefined : Number(SOCKETPOOL_COMBINATION)
    const problems: Array<string> = []
    let played = 0
    for (let n = 0; n < combinations; n++) {
      if (only !== undefined && only !== n) continue
      await breathe()
      played += momentsOf(n).length
      problems.push(...play(n, momentsOf(n), {}, ({ _tag }) => counts.set(_tag, (counts.get(_tag) ?? 0) + 1)))
    }
    const shares = [...counts].map(([tag, count]) => `${tag} ${count}`).join(", ")
    process.stdout.write(`gates: seed ${seed}, ${played} lives: ${shares}\n`)
    assert.strictEqual(problems.length, 0, replay(problems))
  }, 600_000)

  it("a pool that lends what validate has rejected is noticed", () => {
    const all = Array.from({ length: combinations }, (_, n) => n)
    const telling = all.filter((n) => combination(n).open === "ok" && combination(n).validate === "fail")
    const problems = telling.flatMap((n) => play(n, moments, forgetsRejections))
    assert.isAbove(problems.length, telling.length)
    assert.match(problems.join("\n"), /is Rejected/)
  }, 600_000)
})
