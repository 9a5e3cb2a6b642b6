/** Workloads and their results. */
import type { Effort, Figure } from "./rounds.js"

export interface Table {
  readonly title: string
  /** The unit of the figures, such as `leases/s`. */
  readonly unit: string
  readonly better: "more" | "less"
  /** The name of the row that the others are compared with. */
  readonly yardstick: string
  readonly rows: ReadonlyArray<Figure>
  readonly note?: string
}

export interface Workload {
  /** The word that selects the workload on the command line. */
  readonly name: string
  readonly about: string
  readonly run: (effort: Effort) => Promise<ReadonlyArray<Table>>
}
