/** The forms that all errors share, and their identity. */
import * as Inspectable from "effect/Inspectable"
import { toJson } from "./describe.js"

/** The brand of every error of these packages. A program may load the packages twice, as ESM and CommonJS. */
const brand = Symbol.for("@socketpool/core/Error")

type Form = Readonly<Record<string, unknown>>

/** Copies an error's fields. Those with foreign values are as in JSON: no live object that may lead anywhere. */
const fieldsOf = (error: Form, foreign: ReadonlyArray<string>): Form => {
  const fields: Record<string, unknown> = { ...error }
  for (const name of foreign) if (name in error) fields[name] = toJson(error[name])
  return fields
}

/**
 * Brands a class of errors, and makes `toJSON` and `inspect` safe for any foreign value. `toJSON` gives the form that
 * the schema encodes to.
 */
export const define = (
  constructor: { readonly prototype: Error },
  /** The fields that hold what the user's code failed with. */
  ...foreign: ReadonlyArray<string>
): void => {
  const hidden = (value: unknown) => ({ value, configurable: true, writable: true })
  Object.defineProperties(constructor.prototype, {
    [brand]: hidden(constructor.prototype.name),
    toJSON: hidden(function(this: Form): Form {
      return fieldsOf(this, foreign)
    }),
    // Node shows an `Error` with its stack and its fields.
    [Inspectable.NodeInspectSymbol]: hidden(function(this: Error & Form): unknown {
      const shown = new Error(this.message)
      Object.defineProperties(shown, { name: hidden(this.name), stack: hidden(this.stack) })
      return Object.assign(shown, fieldsOf(this, foreign))
    })
  })
}

/** Returns whether a value is an error of these packages with this tag. */
export const isError = (value: unknown, tag: string): boolean => {
  try {
    return typeof value === "object" && value !== null && (value as { [brand]?: unknown })[brand] === tag
  } catch {
    // It is a proxy that throws, or the like.
    return false
  }
}
