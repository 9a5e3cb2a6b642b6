/** What each kind of option accepts of the hostile values, and why. Everything else must be refused. */
import { type Label, values } from "./values.js"

/** The labels of values that are texts with at least one character. */
const texts = (Object.keys(values) as Array<Label>).filter((label) => {
  const value: unknown = values[label]()
  return typeof value === "string" && value !== ""
})

const without = (labels: ReadonlyArray<Label>, ...some: ReadonlyArray<Label>) =>
  labels.filter((label) => !some.includes(label))

const withControl: ReadonlyArray<Label> = [
  "NUL",
  "text with NUL",
  "two lines",
  "an escape sequence",
  "a C1 control",
  "a key"
]

const functions: ReadonlyArray<Label> = ["a function", "an async function", "a class"]

const oneLine = without(texts, ...withControl, "a line separator", "credentials", "a URL with credentials")

const positive: ReadonlyArray<Label> = [
  "half",
  "one",
  "forty",
  "Infinity",
  "an unsafe number",
  "a huge bigint",
  "a duration",
  "a pair",
  "Duration.infinity"
]

/** A nanosecond is no millisecond, but more than nothing. */
const duration: ReadonlyArray<Label> = [...positive, "a bigint"]

const orZero: ReadonlyArray<Label> = ["zero", "minus zero", "Duration.zero"]

const hosts: ReadonlyArray<Label> = [
  "a word",
  "the word true",
  "the word false",
  "a number as text",
  "an address in brackets"
]

export const kinds = {
  // Numbers that say so themselves.
  "at least 1": ["one", "forty"],
  "at least 0": ["zero", "minus zero", "one", "forty"],
  "at least 1 or none": ["one", "forty", "Infinity"],
  "at least 0 or none": ["zero", "minus zero", "one", "forty", "Infinity"],
  "whole": ["zero", "minus zero", "minus one", "one", "forty"],
  "a fraction": ["zero", "minus zero", "half", "one"],
  "a number above 0": ["half", "one", "forty", "Infinity", "an unsafe number"],
  "a number from 0": ["zero", "minus zero", "half", "one", "forty", "Infinity", "an unsafe number"],
  "a length": ["one", "forty"],
  // Durations: also in milliseconds, in nanoseconds (bigint) and as [seconds, nanoseconds].
  "a duration above 0": duration,
  "a duration from 0": [...duration, ...orZero],
  "a short duration": [
    "zero",
    "minus zero",
    "half",
    "one",
    "forty",
    "a bigint",
    "a duration",
    "a pair",
    "Duration.zero"
  ],
  "whole milliseconds from 10": ["forty", "a duration", "a pair"],
  "keepAlive": ["true", "false", "a duration", "a pair"],
  "an interval": ["a duration", "a pair"],
  "a history": ["zero", "minus zero", "half", "one", "forty", "a bigint", "a duration", "a pair", "Duration.zero"],
  "a boolean": ["true", "false"],
  // A function is called later: what it returns is another matter.
  "a hook": functions,
  "an effect": ["an effect", "a failed effect", "no option", "an option"],
  "a schedule": ["a schedule"],
  // Texts that stay on one line and hold no password; what else they say is the user's affair.
  "a name": oneLine,
  "text": texts,
  // Not empty and without what would make it something else than a host; other letters are encoded.
  "a host": [...hosts, "a name of other letters"],
  "a host of any letters": [...hosts, "a name of other letters", "digits of another script"],
  "an IP address": [],
  "a port": ["one", "forty"],
  "the size of a length": ["one"],
  "a Config": [],
  "a short delimiter": [...texts, "bytes"],
  "a port or 0": ["zero", "minus zero", "one", "forty"],
  // A file may have any name but control characters; alone, NUL would begin an abstract name without a name.
  "a path": oneLine,
  "a route": ["a path"],
  "attributes": ["an object", "a bare object", "an object of words", "a false Duration"],
  "certificates": [],
  "a secret key": [],
  "a passphrase": [],
  // No protocol is the default.
  "protocols": ["an array", "an array of words"],
  "one of several words": [],
  "a token": ["a redacted"],
  // Text or bytes, as they stand.
  "a delimiter": [...texts, "bytes"],
  "data": [...texts, "an empty string", "bytes", "no bytes"],
  "budgets": ["a triple"],
  "an array of abilities": ["an array"],
  "an object with methods": [],
  "an object with options": []
} satisfies Record<string, ReadonlyArray<Label>>

export type Kind = keyof typeof kinds
