/**
 * One subject in a process of its own. In one process with all others each would run on machine code that was compiled
 * for all of them, several times slower than what its users get.
 */
import type { Asking, EchoSubject } from "./echo.js"
import { specials } from "./specials.js"
import type { Lending, Load, Subject } from "./subject.js"

/** What a subject is asked to do. */
export type Task =
  | { readonly task: "open"; readonly size: number; readonly timeout: number | undefined }
  | { readonly task: "run"; readonly load: Omit<Load, "watch">; readonly times: number }
  | { readonly task: "unfairness"; readonly borrowers: number; readonly leases: number }
  | { readonly task: "special"; readonly name: keyof typeof specials; readonly size: number }

/** What one that asks an echo server is asked to do. */
export type EchoTask =
  | { readonly task: "open"; readonly port: number; readonly size: number }
  /** Answered in requests per second. */
  | { readonly task: "ask"; readonly borrowers: number; readonly requests: number; readonly bytes: number }
  /** How long such a fraction of the last requests took at most, in milliseconds. */
  | { readonly task: "quantile"; readonly fraction: number }

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
  listen(perform)
}

export const serveEcho = (subject: EchoSubject): void => {
  let asking: Asking | undefined
  let took = new Float64Array(0)
  const perform = async (task: EchoTask): Promise<number> => {
    switch (task.task) {
      case "open":
        asking = await subject.open(task.port, task.size)
        return 0
      case "ask": {
        took = new Float64Array(task.borrowers * task.requests)
        let count = 0
        const start = performance.now()
        await asking!.run({
          ...task,
          took: (millis) => {
            took[count++] = millis
          }
        })
        const seconds = (performance.now() - start) / 1000
        if (count !== took.length) throw new Error(`${count} of ${took.length} requests were answered`)
        took.sort()
        return count / seconds
      }
      case "quantile":
        return took[Math.ceil(took.length * task.fraction) - 1]!
    }
  }
  listen(perform)
}

const listen = <T>(perform: (task: T) => Promise<number>): void => {
  process.on("message", (task: T) => {
    perform(task).then(
      (value) => process.send!({ value } satisfies Answer),
      (error: unknown) =>
        process.send!({ error: error instanceof Error ? error.stack! : String(error) } satisfies Answer)
    )
  })
  process.send!({ value: 0 } satisfies Answer)
}

/**
 * The longest wait over the mean, of borrowers that come again and again. Waits are counted in leases that others get
 * meanwhile: in milliseconds the longest would be that of whom a collection of garbage hits.
 */
const unfairness = async (lending: Lending, borrowers: number, leases: number): Promise<number> => {
  const since = new Float64Array(borrowers)
  let leased = 0
  let total = 0
  let count = 0
  let longest = 0
  await lending.run({
    borrowers,
    leases,
    steps: true,
    watch: {
      asked: (borrower) => {
        since[borrower] = leased
      },
      served: (borrower) => {
        const waited = leased++ - since[borrower]!
        // At first and at last not everybody is in the queue.
        if (leased <= 5 * borrowers || leased > (leases - 5) * borrowers) return
        total += waited
        count++
        longest = Math.max(longest, waited)
      }
    }
  })
  return longest / (total / count)
}
