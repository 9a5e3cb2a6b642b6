/** A pool with a door for promises, over a scripted connector whose books are audited. */
import { Pool } from "@socketpool/core"
import { Effect, Exit } from "effect"
import { type Options, type Script, setup } from "../setup.js"

export const door = (options: Options = {}, script: Script = {}) =>
  Effect.map(setup(options, script), (given) => ({ ...given, promises: Pool.promises(given.pool) }))

/** The reason for which a promise rejects. */
export const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then((value) => Promise.reject(new Error(`it resolved with ${String(value)}`)), (reason: unknown) => reason)

/** A promise, to be waited for later. */
export const settledLater = <A>(promise: Promise<A>): Effect.Effect<A> => Effect.promise(() => promise)

/** Waits for a promise; of its rejection, the message. */
export const outcomeOf = <A>(promise: Promise<A>): Effect.Effect<Exit.Exit<A, string>> =>
  Effect.promise(() => promise.then((value) => Exit.succeed(value), (error: Error) => Exit.fail(error.message)))
