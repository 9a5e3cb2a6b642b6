/** The parent's side of the subjects, each in a process of its own. */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Answer, EchoTask, Task } from "./child.js"
import type { EchoSubject } from "./echo.js"
import type { specials } from "./specials.js"
import type { Load, Subject } from "./subject.js"

export interface Remote {
  readonly name: string
  readonly open: (size: number, timeout?: number) => Promise<void>
  /** Runs a load `times` times. Returns the milliseconds this took. */
  readonly run: (load: Omit<Load, "watch">, times?: number) => Promise<number>
  /** Leases all connections at once, and releases them. */
  readonly burst: (size: number) => Promise<void>
  readonly unfairness: (borrowers: number, leases: number) => Promise<number>
  readonly special: (name: keyof typeof specials, size: number) => Promise<number>
}

/** A subject that sends requests to an echo server. */
export interface EchoRemote {
  readonly name: string
  readonly connects: boolean
  readonly open: (port: number, size: number) => Promise<void>
  /** Measures requests per second. */
  readonly ask: (borrowers: number, requests: number, bytes: number) => Promise<number>
  readonly quantile: (fraction: number) => Promise<number>
}

/** The longest that one answer may take. */
const limitMillis = 60_000

interface Started<T> {
  readonly child: ChildProcess
  readonly ask: (task: T) => Promise<number>
}

const start = async <T extends object>(kind: "--subject" | "--echo", name: string): Promise<Started<T>> => {
  const child = fork(fileURLToPath(import.meta.url), [kind, name], { execArgv: ["--expose-gc"] })
  const answered = async (): Promise<number> => {
    const answer = await new Promise<Answer>((resolve) => {
      const onExit = (code: number | null) => resolve({ error: `the process ended with ${String(code)}` })
      // Some subjects never end and block their own timers, so the parent ends them.
      const timer = setTimeout(() => child.kill("SIGKILL"), limitMillis)
      child.once("exit", onExit)
      child.once("message", (answer: Answer) => {
        child.off("exit", onExit)
        clearTimeout(timer)
        resolve(answer)
      })
    })
    if ("error" in answer) throw new Error(`${name}: ${answer.error}`)
    return answer.value
  }
  await answered()
  return {
    child,
    ask: async (task) => {
      if (!child.connected) throw new Error(`${name}: the process has ended`)
      const answer = answered()
      child.send(task)
      return answer
    }
  }
}

const toRemote = ({ name }: Subject, { ask }: Started<Task>): Remote => ({
  name,
  open: async (size, timeout) => void await ask({ task: "open", size, timeout }),
  run: (load, times = 1) => ask({ task: "run", load, times }),
  burst: async (size) => void await ask({ task: "burst", size }),
  unfairness: (borrowers, leases) => ask({ task: "unfairness", borrowers, leases }),
  special: (name, size) => ask({ task: "special", name, size })
})

const toEchoRemote = ({ connects, name }: EchoSubject, { ask }: Started<EchoTask>): EchoRemote => ({
  name,
  connects: connects === true,
  open: async (port, size) => void await ask({ task: "open", port, size }),
  ask: (borrowers, requests, bytes) => ask({ task: "ask", borrowers, requests, bytes }),
  quantile: (fraction) => ask({ task: "quantile", fraction })
})

/** Starts a process for each subject, runs the body, and ends all processes. */
const withProcesses = async <S extends { readonly name: string }, T extends object, R, A>(
  kind: "--subject" | "--echo",
  subjects: ReadonlyArray<S>,
  remote: (subject: S, started: Started<T>) => R,
  body: (remotes: ReadonlyArray<R>) => Promise<A>
): Promise<A> => {
  const started: Array<Started<T>> = []
  try {
    for (const { name } of subjects) started.push(await start<T>(kind, name))
    return await body(subjects.map((subject, index) => remote(subject, started[index]!)))
  } finally {
    for (const { child } of started) child.kill("SIGKILL")
  }
}

export const withRemotes = <A>(
  subjects: ReadonlyArray<Subject>,
  body: (remotes: ReadonlyArray<Remote>) => Promise<A>
): Promise<A> => withProcesses("--subject", subjects, toRemote, body)

export const withEchoRemotes = <A>(
  subjects: ReadonlyArray<EchoSubject>,
  body: (remotes: ReadonlyArray<EchoRemote>) => Promise<A>
): Promise<A> => withProcesses("--echo", subjects, toEchoRemote, body)
