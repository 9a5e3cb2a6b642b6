/** Measures leases of random keys. */
import { keyedPools, yardstick } from "../subjects/keyed.js"
import type { Table, Workload } from "../workload.js"
import { rates } from "./lending.js"

export const keyed: Workload = {
  name: "keyed",
  about: "one borrower that leases connections of 1, 100, 3,000 and 10,000 keys in random order, one connection a key",
  run: async (effort) => {
    const tables: Array<Table> = []
    for (const size of [1, 100, 3_000, 10_000]) {
      tables.push({
        title: `${size.toLocaleString("en")} ${size === 1 ? "key" : "keys"}`,
        unit: "leases/s",
        better: "more",
        yardstick,
        rows: await rates(keyedPools.map((subject) => [subject, { borrowers: 1, size }] as const), effort),
        note: "The pool without keys has one connection and is the limit. A Map bounds neither its keys nor its " +
          "connections, and forgets none."
      })
    }
    return tables
  }
}
