/** Checks the faults of a fault proxy. */
import { type Rows, rules, Table } from "@socketpool/core/Checks"
import type { Faults } from "../FaultProxy.js"
import type { Treatment } from "./pump.js"

const { between, flag, limit, oneOf, orElse, that } = rules

/** A timer of Node.js runs for 24.8 days at most. */
const time = orElse(rules.duration("0 or more", "a duration of at least 0 and less than 12 days", 2 ** 30 - 1), 0)

const probability = orElse(between(0, 1, "a probability from 0 to 1"), 0)

const faultOptions = new Table(
  {
    latency: time,
    jitter: time,
    bandwidth: orElse(that<number>((value) => typeof value === "number" && value > 0, "more than 0"), Infinity),
    slice: orElse(limit(1), Infinity),
    merge: time,
    stall: orElse(flag, false),
    corrupt: probability,
    duplicate: probability,
    cutAfter: orElse(limit(0), Infinity),
    cut: orElse(oneOf("Reset", "End"), "Reset")
  } satisfies Rows<Faults>
)

export const treatment = (faults: Faults): Treatment => faultOptions.read("FaultProxy", faults)
