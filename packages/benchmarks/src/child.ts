/**
 * One subject in a process of its own. In one process with all others each would run on machine code that was compiled
 * for all of them, several times slower than what its users get.
 */
import { specials } from "./specials.js"
import type { Lending, Load, Subject } from "./subject.js"

/** What a subject is asked to do. */
export type Task =
  | { readonly task: "open"; readonly size: number; readonly timeout: number | undefined }
  | { readonly task: "run"; readonly load: Omit<Load, "watch">; readonly times: number }
  | { readonly task: "unfairness"; readonly borrowers: number; readonly leases: number }
  | { readonly task: "special"; readonly name: keyof typeof specials; readonly size: number }

export type Answer = { readonly value: number } | { readonly error: string }

export const serve = (subject: Subject): void => {
  let lending: Lending | undefined
  const perform = async (task: Task): Promise<number> => {
    switch (task.task) {
      case "open":
        lending = await subject.open(task.size, task.timeout)
        return 0
      case "run": {
        // No garbage is collected for it: that would throw compiled code away, and what is left behind is its own cost.
        const start = performance.now()
        for (let i = 0; i < task.times; i++) await lending!.run(task.load)
        return performance.now() - start
      }
      case "unfairness":
        return unfairness(lending!, task.borrowers, task.leases)
      case "special":
        return specials[task.name](subject, task.size)
    }
  }
  process.on("message", (task: Task) => {
    perform(task).then(
      (value) => process.send!({ value } satisfies Answer),
      (error: unknown) =>
        process.send!({ error: error instanceof Error ? error.stack! : String(error) } satisfies Answer)
    )
  })
  process.send!({ value: 0 } satisfies Answer)
}

/** The longest wait over the mean, of borrowers that come again and again. */
const unfairness = async (lending: Lending, borrowers: number, leases: number): Promise<number> => {
  const since = new Float64Array(borrowers)
  const turns = new Int32Array(borrowers)
  let total = 0
  let count = 0
  let longest = 0
  await lending.run({
    borrowers,
    leases,
    steps: true,
    watch: {
      asked: (borrower) => {
        since[borrower] = performance.now()
      },
      served: (borrower) => {
        const waited = performance.now() - since[borrower]!
        const turn = turns[borrower]! + 1
        turns[borrower] = turn
        // At first and at last not everybody is in the queue.
        if (turn <= 5 || turn > leases - 5) return
        total += waited
        count++
        longest = Math.max(longest, waited)
      }
    }
  })
  return longest / (total / count)
}
