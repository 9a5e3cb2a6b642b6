/** The schema of the values that the user's code failed with. */
import { describeError, toJson } from "./describe.js"
import { anyAs } from "./effect/schema.js"

/** An object arrives as an `Error` with its name and message; they encode to the same again. */
const decoded = (encoded: unknown): unknown => {
  if (typeof encoded !== "object" || encoded === null) return encoded
  const { message, name } = encoded as { readonly message?: unknown; readonly name?: unknown }
  if (typeof message !== "string") return describeError(encoded)
  const error = new Error(message)
  if (typeof name === "string") error.name = name
  // It did not fail here.
  error.stack = ""
  return error
}

/**
 * Any value. It encodes to JSON that is safe to show: plain values as they are, objects as a name and a message, and
 * what JSON cannot say as text.
 */
export const foreign = anyAs({ encode: toJson, decode: decoded })
