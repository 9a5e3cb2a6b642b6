/** The options of budgets of a fleet. */
import { type Rows, type Rule, rules, Table } from "@socketpool/core/Checks"
import type { Options } from "../FleetBudget.js"

const { count, duration, name, oneOf, optional, orElse } = rules

type WhenUnavailable = NonNullable<Options["whenUnavailable"]>

const open = new Table({ open: count(0) })

const whenUnavailable: Rule<WhenUnavailable> = (value, at) =>
  value === "closed" ? value : typeof value === "object" && value !== null ?
    rules.struct(open)(value, at) :
    at.refuse(value, `"closed" or { open: a number }`)

/** A name that stands in keys, in lists of connections and in notifications. */
const word = (longest: number): Rule<string> => (value, at) => {
  const given = name(value, at)
  return /[\s{}]/.test(given) || given.length > longest
    ? at.refuse(value, `a string of at most ${longest} characters without spaces and braces`)
    : given
}

/** A duration that the numbers of every store can hold. */
const upToADay = (above: "more than 0" | "0 or more"): Rule<number> =>
  duration(above, `a duration of ${above}, at most 1 day`, 86_400_000)

/** Every store can hold this number. */
export const mostConnections = 1_000_000

export const table = new Table(
  {
    name: word(60),
    maxConnections: count(1, mostConnections),
    holder: optional(word(60)),
    ttl: orElse(upToADay("more than 0"), "10 seconds"),
    reclaimDelay: orElse(upToADay("0 or more"), "1 second"),
    linger: orElse(upToADay("0 or more"), "250 millis"),
    reclaimAfter: orElse(duration("0 or more"), "1 second"),
    onLost: orElse(oneOf("keep", "shed"), "keep"),
    whenUnavailable: orElse(whenUnavailable, "closed"),
    reserve: orElse(count(0), 0)
  } satisfies Rows<Options>,
  [({ maxConnections, reserve }, refuse) => {
    if (reserve > maxConnections) refuse("reserve", reserve, `at most maxConnections, which is ${maxConnections}`)
  }]
)

export type Checked = ReturnType<typeof table.read>
