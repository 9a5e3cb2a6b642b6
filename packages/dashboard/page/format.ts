/** Numbers and times as text, and the texts of others. */

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 })
const precise = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 })
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" })

export const none = "–"

export const count = (value: number | null): string => value === null ? none : whole.format(value)

/** Formats a number with three digits, or more if they are whole. */
export const short = (value: number): string => Math.abs(value) >= 100 ? whole.format(value) : precise.format(value)

/** Formats milliseconds in the unit that keeps them short, with three digits. */
export const millis = (value: number | null): string => {
  if (value === null) return none
  if (value < 1_000) return `${short(value)} ms`
  if (value < 120_000) return `${short(value / 1_000)} s`
  return value < 7_200_000 ? `${whole.format(value / 60_000)} min` : `${short(value / 3_600_000)} h`
}

/** Formats a growing duration in milliseconds, without fractions, which would change too fast to read. */
export const duration = (value: number): string =>
  value < 1_000 ? `${whole.format(value)} ms` : value < 120_000 ? `${whole.format(value / 1_000)} s` : millis(value)

export const rate = (value: number | null): string => value === null ? none : `${short(value)}/s`

export const percent = (fraction: number | null): string => fraction === null ? none : `${short(fraction * 100)} %`

export const time = (at: number): string => clock.format(at)

export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`

/** Characters that cannot be seen, or that reorder text. The two joiners are part of ordinary words and of emoji. */
const unseen = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

export const visible = (text: string): string =>
  text.replace(unseen, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)

/** Shortens a text for a sentence. It never ends in half a character. */
export const clip = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…`
