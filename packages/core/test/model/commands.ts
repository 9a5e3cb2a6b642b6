import { FastCheck as fc } from "@socketpool/test-seam"
import type { Behaviour, Hook } from "./connector.js"

/** One step of a run. `at` picks one of what it can be done to, when there is a choice. */
export type Command =
  | { readonly _tag: "Pass"; readonly millis: number }
  | { readonly _tag: "Use" | "Get" | "Acquire" | "UseExclusive" | "Exclusive" }
  | { readonly _tag: "AcquireWith"; readonly timeout: number }
  | { readonly _tag: "Finish"; readonly at: number; readonly how: "succeeds" | "fails" | "dies" }
  | { readonly _tag: "Interrupt"; readonly at: number }
  | { readonly _tag: "ReleaseEarly" | "ReleaseAgain" | "Drop" | "Invalidate"; readonly at: number }
  | { readonly _tag: "ReleaseForeign" | "DropExpired" | "Clear" | "Close" }
  | { readonly _tag: "Resize"; readonly min: number; readonly max: number }
  | { readonly _tag: "Reconnect"; readonly at: number }
  | { readonly _tag: "AwaitReady" }
  | { readonly _tag: "Nest"; readonly at: number }
  | { readonly _tag: "Disconnect" | "Outdate"; readonly at: number }
  | { readonly _tag: "Script"; readonly hook: Hook; readonly behaviour: Behaviour }

/** A command, and whether the next one is given before anything else can happen. */
export interface Step {
  readonly command: Command
  readonly hurried: boolean
}

const choose = <A>(values: ReadonlyArray<A>, n: number): A => values[n % values.length]!

const millis = [0, 1, 10, 50, 50, 100, 100, 250, 250, 500, 1000, 3000]
const behaviours: { readonly [_ in Hook]: ReadonlyArray<Behaviour> } = {
  open: ["ok", 30, 170, "fail", "fail", "die", "never", "stuck", "late", "throws", "fatal", "fatal"],
  validate: ["ok", 30, "no", "no", "fail", "die", "never", "throws"],
  onRelease: ["ok", 30, 170, "no", "fail", "die", "never", "throws"],
  close: ["ok", 30, 170, "never", "die", "throws", "stuck"]
}

const script = (hook: Hook) => (a: number): Command => ({
  _tag: "Script",
  hook,
  behaviour: choose(behaviours[hook], a)
})

/** The weight of each command, relative to the others. The first is where a counterexample shrinks to. */
const table: ReadonlyArray<readonly [number, (a: number, b: number) => Command]> = [
  [150, (a) => ({ _tag: "Pass", millis: choose(millis, a) })],
  [100, () => ({ _tag: "Use" })],
  [70, () => ({ _tag: "Get" })],
  [70, () => ({ _tag: "Acquire" })],
  [50, (a) => ({ _tag: "AcquireWith", timeout: choose([0, 200, 200, 700, Infinity], a) })],
  [190, (a, b) => ({ _tag: "Finish", at: a, how: choose(["succeeds", "succeeds", "succeeds", "fails", "dies"], b) })],
  [50, (a) => ({ _tag: "Interrupt", at: a })],
  [10, (a) => ({ _tag: "ReleaseEarly", at: a })],
  [12, (a) => ({ _tag: "ReleaseAgain", at: a })],
  [4, () => ({ _tag: "ReleaseForeign" })],
  [20, (a) => ({ _tag: "Drop", at: a })],
  [15, (a) => ({ _tag: "Invalidate", at: a })],
  [10, () => ({ _tag: "DropExpired" })],
  [12, () => ({ _tag: "Clear" })],
  [15, (a, b) => ({ _tag: "Resize", min: a % 5, max: 1 + b % 4 })],
  [20, (a) => ({ _tag: "Reconnect", at: a })],
  [5, () => ({ _tag: "AwaitReady" })],
  [10, (a) => ({ _tag: "Nest", at: a })],
  [35, (a) => ({ _tag: "Disconnect", at: a })],
  [8, (a) => ({ _tag: "Outdate", at: a })],
  [70, script("open")],
  [40, script("validate")],
  [20, script("onRelease")],
  [35, script("close")],
  [2, () => ({ _tag: "Close" })],
  [40, () => ({ _tag: "UseExclusive" })],
  [30, () => ({ _tag: "Exclusive" })]
]

const total = table.reduce((sum, [weight]) => sum + weight, 0)

const command = (ticket: number, a: number, b: number): Command => {
  let left = ticket
  for (const [weight, make] of table) {
    if (left < weight) return make(a, b)
    left -= weight
  }
  throw new Error(`no command has number ${ticket}`)
}

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.integer({ min: 0, max: total - 1 }),
  fc.integer({ min: 0, max: 59 }),
  fc.integer({ min: 0, max: 59 }),
  fc.integer({ min: 0, max: 4 })
).map(([ticket, a, b, haste]) => ({ command: command(ticket, a, b), hurried: haste === 4 }))

export const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(step, { minLength: 1, maxLength: 100, size: "max" })

export const show = ({ command, hurried }: Step): string => {
  const { _tag, ...rest } = command
  const values = Object.values(rest).join(", ")
  return `${_tag}(${values})${hurried ? " at once with" : ""}`
}
