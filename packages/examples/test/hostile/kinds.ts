/** The hostile values that each kind of option accepts, and why. Everything else must be refused. */
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

const words: ReadonlyArray<Label> = [
  ...texts,
  "an empty string",
  "bytes",
  "no bytes",
  ...["zero", "minus zero", "minus one", "half", "one", "forty", "an unsafe number"] as const,
  ...["a bigint", "a negative bigint", "a huge bigint"] as const
]

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
  "at least 64": [],
  "2 or 3": [],
  "at least 0": ["zero", "minus zero", "one", "forty"],
  "at least 1 or none": ["one", "forty", "Infinity"],
  "at least 0 or none": ["zero", "minus zero", "one", "forty", "Infinity"],
  "whole": ["zero", "minus zero", "minus one", "one", "forty"],
  "a fraction": ["zero", "minus zero", "half", "one"],
  "a number above 0": ["half", "one", "forty", "Infinity", "an unsafe number"],
  "a number within limits": ["half", "one", "forty"],
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
  "whole milliseconds from 1": ["one", "forty", "a duration", "a pair"],
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
  "a name without spaces": without(oneLine, "a space", "a duration", "a negative duration"),
  "text": texts,
  // Not empty and without what would make it something else than a host; other letters are encoded.
  "a host": [...hosts, "a name of other letters"],
  "a host of any letters": [...hosts, "a name of other letters", "digits of another script"],
  "an IP address": [],
  "a port": ["one", "forty"],
  "the size of a length": ["one"],
  "a budget": [],
  "an overload policy": [],
  // Also a right one is refused.
  "a weight without a budget": [],
  "an interval without a probe": [],
  "a Config": [],
  // Endpoints, and how they are found.
  "a weight": ["half", "one", "forty", "an unsafe number"],
  "DNS servers": [],
  "a family of addresses": [],
  "the name of a service": without(hosts, "an address in brackets").concat("a name of other letters"),
  "at most one day": ["half", "one", "forty", "a bigint", "a duration", "a pair"],
  "at most one day, or 0": [
    ...["half", "one", "forty", "a bigint", "a duration", "a pair"] as const,
    ...orZero
  ],
  "a number of connections of a fleet": ["one", "forty"],
  "a short name without spaces": without(oneLine, "a space", "a duration", "a negative duration", "a long text"),
  "an effect of a session": ["a failed effect", "no option"],
  "what may be open": [],
  "a client of Redis": [],
  "a URL of PostgreSQL": [],
  "at most five minutes": ["half", "one", "forty", "a bigint", "a duration", "a pair"],
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
  // Less than the time after which a connection expires.
  "a keepalive time": without(duration, "an unsafe number"),
  // Clients of protocols. The options of TLS have none that is required.
  "TLS or not": ["true", "false", "an object", "a bare object"],
  "a URL of a client": [],
  "a password": ["a redacted", "a redacted key"],
  "a schema": [],
  // The folder of a Unix socket begins with a slash.
  "a host or a folder": [...hosts, "a name of other letters", "digits of another script", "a path"],
  // The names are those of Node.js, which checks them.
  "options of tls.connect": [
    ...["true", "false", "an object", "a bare object", "an object of words"] as const,
    ...["an object of objects", "a false Duration", "an object that throws"] as const,
    ...["an effect", "a failed effect", "a schedule"] as const
  ],
  "an object of settings": ["an object", "a bare object"],
  "an object of functions": ["an object", "a bare object", "an object that throws"],
  // The words of Redis: texts, bytes and numbers of any value.
  "words of a command": words,
  "the name of a command": ["a word", "the word true", "the word false", "a number as text"],
  "a list of words": ["an array", "an array of words", "an array of keys", "a pair", "a negative pair", "a triple"],
  "a list of commands": ["an array"],
  // Nothing is a matter of the server, which says that words are missing.
  "fields": [
    ...["an object", "a bare object", "an object of words", "a false Duration"] as const,
    ...["an array", "a map", "no bytes"] as const
  ],
  "streams": ["an object", "a bare object", "an object of words", "a false Duration"],
  "no member": [],
  // Anything within an array that MessagePack can hold.
  "params": [
    "an array",
    "an array of words",
    "an array of keys",
    "an array of null",
    "a pair",
    "a negative pair",
    "a triple",
    "a pair with NaN"
  ],
  "an array of abilities": ["an array"],
  "an object with methods": [],
  "an object with options": []
} satisfies Record<string, ReadonlyArray<Label>>

export type Kind = keyof typeof kinds
