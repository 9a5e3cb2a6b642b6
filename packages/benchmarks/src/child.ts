/**
 * Runs one subject in a process of its own. In a shared process each subject would run on machine code compiled for all
 * of them, several times slower than its users see.
 */
import type { Asking, EchoSubject } from "./echo.js"
import { burst, specials } from "./specials.js"
import type { Lending, Load, Subject } from "./subject.js"

/** A task for a subject. */
export type Task =
  | { readonly task: "open"; readonly size: number; readonly timeout: number | undefined }
  | { readonly task: "run"; readonly load: Omit<Load, "watch">; readonly times: number }
  | { readonly task: "burst"; readonly size: number }
  | { readonly task: "unfairness"; readonly borrowers: number; readonly leases: number }
  | { readonly task: "special"; readonly name: keyof typeof specials; readonly size: number }

/** A task for a subject that sends requests to an echo server. */
export type EchoTask =
  | { readonly task: "open"; readonly port: number; readonly size: number }
  /** Answers with requests per second. */
  | { readonly task: "ask"; readonly borrowers: number; readonly requests: number; readonly bytes: number }
  /** Answers with the milliseconds within which this fraction of the last requests was done. */
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
        // No garbage collection before: it would discard compiled code, and the subject's own garbage is part of its
        // cost.
        const start = performance.now()
        for (let i = 0; i < task.times; i++) await lending!.run(task.load)
        return performance.now() - start
      }
      case "burst":
        await burst(lending!, task.size)
        return 0
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
 * Measures the longest wait over the mean, for borrowers that keep coming back. A wait is counted in leases that others
 * get meanwhile: in milliseconds, the longest one would only show a garbage collection.
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
        // At the beginning and at the end, not every borrower is in the queue.
        if (leased <= 5 * borrowers || leased > (leases - 5) * borrowers) return
        total += waited
        count++
        longest = Math.max(longest, waited)
      }
    }
  })
  return longest / (total / count)
}
