/** Text that others wrote, within messages, logs and events: one line, bounded, without the passwords of URLs. */
import { withoutLinks } from "./help.js"

/** The most characters of one foreign text. */
const longest = 300

/** The most characters that are looked at, so that a huge text costs no more than a long one. */
const lookedAt = 10_000

/**
 * Characters that end a line, steer a terminal, reorder text or cannot be seen: control and format characters, line
 * separators, lone surrogates. The two joiners are part of ordinary words and of emoji.
 */
const unsafe = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

const escape = (character: string): string => {
  const code = character.codePointAt(0)!.toString(16)
  return short[character] ?? (code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`)
}

/** Shows every character that is unsafe in a line of text as an escape. */
const escaped = (text: string): string => text.replace(unsafe, escape)

/** Returns a text of at most this length. It never ends in half a character. */
export const clip = (text: string, most: number = longest): string =>
  text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…`

const authority = /^[^/?#]*/
const withoutUserinfo = /^(?:\[[^\]@]*\]|[^:@]*)(?::\d*)?$/

/**
 * Masks the user and the password of URLs. A password may hold `/`, `?`, `#` and `@` that are not encoded, so all up to
 * the last `@` of a word is masked, unless the URL plainly begins with a host.
 */
const masked = (text: string, isCut: boolean): string =>
  text.replace(/:\/\/(\S+)/g, (url, rest: string, at: number) => {
    if (withoutUserinfo.test(authority.exec(rest)![0])) return url
    const end = rest.lastIndexOf("@")
    if (end >= 0) return `://***${rest.slice(end)}`
    return isCut && at + url.length === text.length ? "://***" : url
  })

const cleaned = (text: string, most?: number): string => {
  const front = text.slice(0, lookedAt)
  return clip(masked(withoutLinks(front), front.length < text.length), most)
}

/** Returns a foreign text as part of one line. */
export const line = (text: string, most?: number): string => clip(escaped(cleaned(text, most)), most)

/** Returns a foreign name as part of one line, in quotes. */
export const quoted = (name: string): string => escaped(JSON.stringify(cleaned(name)))
