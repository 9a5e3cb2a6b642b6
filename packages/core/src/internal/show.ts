/** The text of wrong values in messages. It works for every value, and shows no secret. */
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"

const redacted = "<redacted>"

/** A longer text is not shown: it may be a key without its armour. */
const longestText = 64

/** Control characters and line ends, which could change a terminal or make a second line of a log. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

const escape = (text: string): string =>
  JSON.stringify(text).replace(unprintable, (char) => `\\u${char.codePointAt(0)!.toString(16).padStart(4, "0")}`)

const showText = (text: string): string => {
  if (/-----(BEGIN|END)|PRIVATE KEY/.test(text)) return redacted
  if (text.length > longestText) return `a string of ${text.length} characters`
  // A password may stand before an `@`, and behind a `?`, as in a URL.
  const host = text.slice(text.lastIndexOf("@"))
  const shown = host.startsWith("@") ? redacted + host : text
  return escape(shown.replace(/\?.*/su, `?${redacted}`))
}

const showObject = (value: object): string => {
  if (Redacted.isRedacted(value)) return redacted
  if (Duration.isDuration(value)) return `Duration(${Duration.format(value)})`
  if (!Array.isArray(value)) return ArrayBuffer.isView(value) ? "bytes" : "an object"
  const isShort = value.length <= 3 && value.every((part) => typeof part === "number")
  return isShort ? `[${value.join(", ")}]` : "an array"
}

/** Returns a value as messages show it: short, on one line, and without what may be a secret. */
export const show = (value: unknown): string => {
  try {
    switch (typeof value) {
      case "string":
        return showText(value)
      case "object":
        return value === null ? "null" : showObject(value)
      case "bigint":
        return value > -(2n ** 64n) && value < 2n ** 64n ? `${value}n` : "a large bigint"
      case "function":
      case "symbol":
        return `a ${typeof value}`
      default:
        return String(value)
    }
  } catch {
    // A proxy or a getter has thrown.
    return "an object"
  }
}

/** Returns the value of an option that holds a secret: only what cannot be one is shown. */
export const showSecret = (value: unknown): string =>
  value === undefined || value === null || typeof value === "boolean" ? String(value) : redacted

/** Returns the name of an option that somebody has made up. */
export const showName = (name: string): string => /^[\w$.-]{1,64}$/.test(name) ? name : showText(name)
