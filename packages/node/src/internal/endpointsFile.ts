/** A file of endpoints, and when to read it. */
import { argument } from "@socketpool/core/Checks"
import * as Endpoints from "@socketpool/core/Endpoints"
import { EndpointsError } from "@socketpool/core/EndpointsError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import type { Options } from "../EndpointsFile.js"
import { bare } from "./bare.js"
import { filePath } from "./checks.js"
import { async } from "./effect.js"
import { endpointsFile } from "./options.js"
import { type Round, rounds } from "./rounds.js"

export interface Files {
  readonly read: (file: string) => Promise<string>
  /** Tells of changes in a folder until it is closed, or until it fails. May throw. */
  readonly watch: (folder: string, changed: () => void, failed: () => void) => { readonly close: () => void }
}

export const nodes: Files = {
  read: (file) => fs.promises.readFile(file, "utf8"),
  watch: (folder, changed, failed) => fs.watch(folder, bare({ persistent: false }), changed).on("error", failed)
}

/** The time that a program which writes the file in several steps has to finish, in milliseconds. */
const settling = 50

export const watch = (files: Files, given: string, options: Options): Endpoints.Endpoints<EndpointsError> =>
  Endpoints.fromPull(Effect.suspend(() => {
    const file = argument("EndpointsFile.watch", "path", filePath, given)
    const { interval } = endpointsFile.read("EndpointsFile.watch", options)
    return Effect.flatMap(
      watching(files, path.dirname(file)),
      (changes) =>
        rounds<Round<EndpointsError>, EndpointsError>({
          what: `EndpointsFile.watch of ${file}`,
          ask: read(files, file),
          pause: () => changes.wait(interval),
          repeats: (error, before) => error.message === before.message
        })
    )
  }))

const read = (files: Files, file: string): Effect.Effect<Round<EndpointsError>, EndpointsError> => {
  const source = `the file ${file}`
  return Effect.tryPromise({
    try: () => files.read(file),
    catch: ({ code, message }: any) =>
      new EndpointsError({
        reason: "Unreadable",
        source,
        detail: String(message),
        ...(code === undefined ? {} : { code })
      })
  }).pipe(
    Effect.flatMap((text) =>
      Effect.try({
        try: (): unknown => JSON.parse(text),
        catch: (error) => new EndpointsError({ reason: "Malformed", source, detail: syntaxOf(error as SyntaxError) })
      })
    ),
    Effect.flatMap((found) => Endpoints.check(source, found)),
    Effect.map((endpoints) => ({ endpoints }))
  )
}

/** The message without the text: nobody knows what is in a file that is the wrong one. */
const syntaxOf = ({ message }: SyntaxError): string => message.replace(/, .*(?= is not valid JSON$)/s, "")

const watching = (files: Files, folder: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new Changes(files, folder)),
    (changes) => Effect.sync(() => changes.close())
  )

/** The changes in a folder. */
class Changes {
  private watcher: { readonly close: () => void } | undefined = undefined
  private hasChanged = false
  private wake: (() => void) | undefined = undefined

  constructor(private readonly files: Files, private readonly folder: string) {
    this.open()
  }

  /** Waits for a change since the last call, or for so long. */
  wait(millis: number): Effect.Effect<void> {
    const change = async<void>((resume) => {
      if (this.hasChanged) return resume(Effect.void)
      this.wake = () => resume(Effect.void)
      return Effect.sync(() => (this.wake = undefined))
    })
    return Effect.andThen(change, Effect.sleep(Duration.millis(settling))).pipe(
      Effect.timeoutOption(Duration.millis(millis)),
      Effect.map(() => {
        // The read that follows may miss what changes from here on: that counts for the next wait.
        this.hasChanged = false
        this.open()
      })
    )
  }

  close(): void {
    this.watcher?.close()
    this.watcher = undefined
  }

  /** Without a watcher the file is read every interval all the same. */
  private open(): void {
    if (this.watcher !== undefined) return
    try {
      this.watcher = this.files.watch(this.folder, () => this.changed(), () => this.close())
    } catch {
      // The folder is missing, or the system has no watcher left. It is tried again next time.
    }
  }

  private changed(): void {
    this.hasChanged = true
    const { wake } = this
    this.wake = undefined
    wake?.()
  }
}
