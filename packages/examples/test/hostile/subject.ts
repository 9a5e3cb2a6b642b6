/** A public constructor or method whose options or argument are tried, and how it runs. */
import { Config, Effect, Layer, type Scope } from "effect"
import type { Kind } from "./kinds.js"

/** Runs with options, or with one argument. A constructor that throws does so within. */
export type Run = (given: any) => Effect.Effect<unknown, unknown, Scope.Scope>

export interface Subject {
  /** As messages name it. */
  readonly of: string
  readonly options: Readonly<Record<string, Kind>>
  /** Right options: those that are required, at least. */
  readonly base: Readonly<Record<string, unknown>>
  readonly run: Run
  /** Whether it passes its options on to another subject, so that every seventh value is enough. */
  readonly passesOn?: boolean
}

/** A subject whose only argument is checked. `options` has its name and kind. */
export type Argument = Omit<Subject, "base">

export const argument = (of: string, name: string, kind: Kind, run: Run): Argument => ({
  of,
  options: { [name]: kind },
  run
})

export const omit = (options: Readonly<Record<string, Kind>>, ...names: ReadonlyArray<string>): Record<string, Kind> =>
  Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)))

export const sync = (make: (given: any) => unknown): Run => (given) => Effect.sync(() => make(given))

export const build = (make: (given: any) => Layer.Layer<any, any> | Layer.Layer<never, any>): Run => (given) =>
  Effect.suspend(() => Layer.build(make(given) as Layer.Layer<any, any>))

export const configOf = (options: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [name, Config.succeed(value)])) as any
