/** Values of a peer in the text of errors. */
import { line } from "@socketpool/core/Checks"

const most = 200

const textOf = (value: unknown): string => {
  if (typeof value === "string") return value
  if (value instanceof Error) return value.message
  try {
    const text = JSON.stringify(value, (_, inner) => typeof inner === "bigint" ? `${inner}` : inner)
    return text ?? String(value)
  } catch {
    return typeof value
  }
}

/** Shows a value in one line of limited length, whatever the peer has put into it. */
export const inOneLine = (value: unknown): string => line(textOf(value), most)
