/** What is measured, and what comes of it. */
import type { Effort, Figure } from "./rounds.js"

export interface Table {
  readonly title: string
  /** What the figures count, such as `leases/s`. */
  readonly unit: string
  readonly better: "more" | "less"
  /** The row that the others are compared with. */
  readonly yardstick: string
  readonly rows: ReadonlyArray<Figure>
  readonly note?: string
}

export interface Workload {
  /** The word that chooses it on the command line. */
  readonly name: string
  readonly about: string
  readonly run: (effort: Effort) => Promise<ReadonlyArray<Table>>
}
