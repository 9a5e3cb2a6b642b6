/** The processes of a fleet, which answer what the test asks. They end with the scope. */
import { Effect, type Scope } from "effect"
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import { bundled } from "../../../tools/bundled/bundled.js"

interface Answer {
  readonly serial: number
  readonly reply: unknown
}

export class Process {
  private serial = 0
  private output = ""
  /** Whether the test has ended it. */
  private isKilled = false
  private readonly waiting = new Map<number, { done(reply: unknown): void; failed(error: Error): void }>()
  /** Its first message, once it is ready. */
  readonly ready: Promise<unknown>

  constructor(readonly name: string, private readonly child: ChildProcess) {
    this.ready = this.answerTo(0)
    for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (data) => this.output += String(data))
    child.on("message", ({ reply, serial }: Answer) => {
      this.waiting.get(serial)?.done(reply)
      this.waiting.delete(serial)
    })
    child.on("exit", (code, signal) => {
      const why = new Error(`${name} has ended with ${code ?? signal}. It said: ${this.output}`)
      for (const { failed } of this.waiting.values()) failed(why)
      this.waiting.clear()
      if (!this.isKilled && code !== 0) process.stderr.write(`${why.message}\n`)
    })
  }

  private answerTo(serial: number): Promise<unknown> {
    return new Promise((done, failed) => this.waiting.set(serial, { done, failed }))
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  ask<A>(request: unknown): Effect.Effect<A> {
    return Effect.promise(() => {
      const serial = ++this.serial
      const answer = this.answerTo(serial)
      if (!this.isAlive) return Promise.reject(new Error(`${this.name} has ended. It said: ${this.output}`))
      this.child.send({ serial, request })
      return answer as Promise<A>
    })
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): Effect.Effect<void> {
    return Effect.sync(() => void this.child.kill(signal))
  }

  /** Kills it. Returns once it is gone. */
  readonly kill: Effect.Effect<void> = Effect.promise(async () => {
    this.isKilled = true
    if (!this.isAlive) return
    const gone = once(this.child, "exit")
    this.child.kill("SIGKILL")
    await gone
  })

  /** Waits until it has ended by itself. */
  readonly gone: Effect.Effect<void> = Effect.promise(async () => {
    if (this.isAlive) await once(this.child, "exit")
  })
}

/** Starts a program of this folder. It is killed with the scope. */
export const start = (
  name: string,
  program: string,
  config: object,
  environment: Readonly<Record<string, string>> = {}
): Effect.Effect<readonly [process: Process, ready: unknown], never, Scope.Scope> =>
  Effect.gen(function*() {
    const bundle = yield* Effect.promise(() => bundled(path.join(import.meta.dirname, program)))
    const started = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new Process(
          name,
          fork(bundle, [JSON.stringify(config)], {
            env: { ...process.env, ...environment },
            execArgv: [],
            silent: true
          })
        )
      ),
      (process) => process.kill
    )
    return [started, yield* Effect.promise(() => started.ready)] as const
  })
