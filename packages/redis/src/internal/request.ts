/** Commands as bytes. */
import { Buffer } from "node:buffer"
import { sizeOf } from "./text.js"

/** An argument of a command. */
export type Argument = string | Uint8Array | number | bigint

/** Commands that are sent at once, and the number of frames that answer them. */
export interface Request {
  /** The command, as spans and errors name it. */
  readonly name: string
  readonly bytes: Uint8Array | string
  readonly replies: number
  /** The longest silence of the server while it works on it, in milliseconds. */
  readonly silence: number | undefined
}

/** A `Uint8Array` may be of another realm, such as that of a test environment. */
const isBytes = (value: unknown): value is Uint8Array => {
  try {
    return value instanceof Uint8Array || Object.prototype.toString.call(value) === "[object Uint8Array]"
  } catch {
    return false
  }
}

/** As errors say it. */
export const argumentRule = "a string, a Uint8Array, a finite number or a bigint"

/** Whether a value can be an argument. */
export const isArgument = (value: unknown): value is Argument =>
  typeof value === "string" || typeof value === "bigint" ||
  (typeof value === "number" ? Number.isFinite(value) : isBytes(value))

const kindOf = (value: unknown): string => {
  try {
    return readableKindOf(value)
  } catch {
    return "a value that cannot be read"
  }
}

const readableKindOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "an array" : typeof value === "undefined" ?
    "undefined" :
    typeof value === "number" ?
    "a number that is not finite" :
    typeof value === "object" ?
    "an object" :
    `a ${typeof value}`

/** Arguments are often secret, so that the error shows only what kind of value it is. */
const refuse = (of: string, name: string, position: number, value: unknown): never => {
  throw new RangeError(
    `${of}: argument ${position} of ${name} must be ${argumentRule}, but is ${kindOf(value)}`
  )
}

const nameRule = /^[\w.|-]{1,128}$/

/** Checks the name of a command, and returns it as spans and errors show it: in capital letters. */
export const commandName = (of: string, name: unknown): string => {
  if (typeof name === "string" && nameRule.test(name)) return name.toUpperCase()
  throw new RangeError(
    `${of}: name must be the name of a command: letters, digits, ".", "_" and "-", but is ` +
      (typeof name === "string" ? "a string with other characters, an empty one or a long one" : kindOf(name))
  )
}

/**
 * Collects commands. They stay a text, which becomes bytes together with those of other requests, unless a caller has
 * given bytes.
 */
class Writer {
  private text = ""
  private pieces: Array<Uint8Array> | undefined = undefined

  command(of: string, name: string, args: ReadonlyArray<unknown>): void {
    const count = args.length
    let text = `*${count + 1}\r\n$${name.length}\r\n${name}\r\n`
    for (let at = 0; at < count; at++) {
      const value = args[at]
      if (typeof value === "string") {
        text += `$${sizeOf(value)}\r\n${value}\r\n`
      } else if (typeof value === "number" ? Number.isFinite(value) : typeof value === "bigint") {
        const digits = String(value)
        text += `$${digits.length}\r\n${digits}\r\n`
      } else if (isBytes(value)) {
        this.text += `${text}$${value.length}\r\n`
        this.bytes(value)
        text = "\r\n"
      } else {
        refuse(of, name, at + 1, value)
      }
    }
    this.text += text
  }

  private bytes(bytes: Uint8Array): void {
    const pieces = this.pieces ??= []
    pieces.push(Buffer.from(this.text))
    pieces.push(bytes)
    this.text = ""
  }

  get whole(): Uint8Array | string {
    return this.pieces === undefined ? this.text : Buffer.concat([...this.pieces, Buffer.from(this.text)])
  }
}

/** Encodes one command. A wrong argument is a `RangeError`. */
export const request = (of: string, name: string, args: ReadonlyArray<unknown>, silence?: number): Request => {
  const writer = new Writer()
  writer.command(of, name, args)
  return { name, bytes: writer.whole, replies: 1, silence }
}

/** Encodes commands that are sent at once. */
export const requests = (
  of: string,
  name: string,
  commands: ReadonlyArray<readonly [name: string, args: ReadonlyArray<unknown>]>
): Request => {
  const writer = new Writer()
  for (const [name, args] of commands) writer.command(of, name, args)
  return { name, bytes: writer.whole, replies: commands.length, silence: undefined }
}
