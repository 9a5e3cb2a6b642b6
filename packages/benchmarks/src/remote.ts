/** The parent's side of subjects that run in processes of their own. */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Answer, Task } from "./child.js"
import type { specials } from "./specials.js"
import type { Load, Subject } from "./subject.js"

export interface Remote {
  readonly name: string
  readonly open: (size: number, timeout?: number) => Promise<void>
  /** Runs a load so many times; in how many milliseconds. */
  readonly run: (load: Omit<Load, "watch">, times?: number) => Promise<number>
  readonly unfairness: (borrowers: number, leases: number) => Promise<number>
  readonly special: (name: keyof typeof specials, size: number) => Promise<number>
}

/** How long one answer may take. */
const limitMillis = 60_000

const start = async (subject: Subject): Promise<{ readonly remote: Remote; readonly child: ChildProcess }> => {
  const child = fork(fileURLToPath(import.meta.url), ["--subject", subject.name], { execArgv: ["--expose-gc"] })
  const answered = async (): Promise<number> => {
    const answer = await new Promise<Answer>((resolve) => {
      const onExit = (code: number | null) => resolve({ error: `it ended with ${String(code)}` })
      // Some never come to an end, and do not even let a timer of theirs ring.
      const timer = setTimeout(() => child.kill("SIGKILL"), limitMillis)
      child.once("exit", onExit)
      child.once("message", (answer: Answer) => {
        child.off("exit", onExit)
        clearTimeout(timer)
        resolve(answer)
      })
    })
    if ("error" in answer) throw new Error(`${subject.name}: ${answer.error}`)
    return answer.value
  }
  await answered()
  const ask = async (task: Task): Promise<number> => {
    if (!child.connected) throw new Error(`${subject.name}: it has ended`)
    const answer = answered()
    child.send(task)
    return answer
  }
  return {
    child,
    remote: {
      name: subject.name,
      open: async (size, timeout) => void await ask({ task: "open", size, timeout }),
      run: (load, times = 1) => ask({ task: "run", load, times }),
      unfairness: (borrowers, leases) => ask({ task: "unfairness", borrowers, leases }),
      special: (name, size) => ask({ task: "special", name, size })
    }
  }
}

/** Starts a process for each, and ends them all. */
export const withRemotes = async <A>(
  subjects: ReadonlyArray<Subject>,
  body: (remotes: ReadonlyArray<Remote>) => Promise<A>
): Promise<A> => {
  const started: Array<{ readonly remote: Remote; readonly child: ChildProcess }> = []
  try {
    for (const subject of subjects) started.push(await start(subject))
    return await body(started.map(({ remote }) => remote))
  } finally {
    for (const { child } of started) child.kill("SIGKILL")
  }
}
