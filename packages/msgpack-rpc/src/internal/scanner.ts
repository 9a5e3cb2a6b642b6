/**
 * The end of a MessagePack value in a stream of bytes.
 *
 * MessagePack has no length in front. The scanner walks over the headers of the items and skips their contents. It goes
 * on where it stopped when more bytes have come, so that each header is read once however the bytes are cut. It builds
 * nothing: a length that a peer claims costs no memory.
 */
import type { ByteBuffer } from "@socketpool/core/ByteBuffer"
import { Malformed, TooLarge } from "@socketpool/core/Framing"

/** The levels of arrays and maps that a value may have. */
export const maxDepth = 64

/** The bytes looked at at once. They double while the value goes on, so that short values cost little. */
const firstWindow = 64
const largestWindow = 65_536

/** The items of a value whose places are noted: those of a message. */
const noted = 4

const ext = 1

export class Scanner {
  /** The number of items of the value itself if it is an array. */
  count = -1
  /** The positions of its first items. */
  readonly starts: Array<number> = []
  /** The position of the next header. */
  private at = 0
  /** The items still to come of each array and map that is open. */
  private readonly open: Array<number> = []
  /** Their sum: each takes at least a byte. */
  private owed = 1
  private window: Uint8Array = new Uint8Array(0)
  private windowAt = 0
  private windowSize = firstWindow

  constructor(private readonly maxBytes: number) {}

  /** Returns the size of the value, `undefined` if it has not come whole. Takes nothing. */
  scan(bytes: ByteBuffer): number | TooLarge | Malformed | undefined {
    while (this.owed > 0) {
      if (!this.load(bytes, 1)) return undefined
      const token = this.window[this.at - this.windowAt]!
      const width = widthOf(token)
      if (width === undefined) return Malformed
      if (!this.load(bytes, 1 + width)) return undefined
      const problem = this.item(token, width)
      if (problem !== undefined) return problem
    }
    return bytes.length < this.at ? undefined : this.at
  }

  /** Makes sure that bytes from the present position on are in the window. */
  private load(bytes: ByteBuffer, wanted: number): boolean {
    const { at, window, windowAt } = this
    if (at >= windowAt && at + wanted <= windowAt + window.length) return true
    if (at + wanted > bytes.length) return false
    this.window = bytes.copy(at, Math.min(bytes.length, at + this.windowSize))
    this.windowAt = at
    this.windowSize = Math.min(largestWindow, this.windowSize * 2)
    return true
  }

  /** Steps over one item, or into it. Its header is in the window. */
  private item(token: number, width: number): TooLarge | Malformed | undefined {
    const { open } = this
    if (open.length === 1 && this.starts.length < noted) this.starts.push(this.at)
    const length = this.lengthOf(token, width)
    const children = childrenOf(token, length)
    this.owed += children - 1
    this.at += 1 + width + (children > 0 || isContainer(token) ? 0 : length)
    if (this.at + this.owed > this.maxBytes) return TooLarge
    if (open.length > 0) open[open.length - 1]!--
    if (isContainer(token)) {
      if (open.length >= maxDepth) return Malformed
      if (open.length === 0 && isArray(token)) this.count = children
      if (children > 0) {
        open.push(children)
        return undefined
      }
    }
    while (open.length > 0 && open[open.length - 1] === 0) open.pop()
    return undefined
  }

  /** The length that a header states: bytes of contents, items of an array, pairs of a map. */
  private lengthOf(token: number, width: number): number {
    if (token < 0x80 || token >= 0xe0) return 0
    if (token < 0xa0) return token & 15
    if (token < 0xc0) return token & 31
    const fixed = contents[token - 0xc0]!
    if (fixed >= 0) return fixed
    let length = 0
    const from = this.at - this.windowAt + 1
    for (let i = 0; i < width; i++) length = length * 256 + this.window[from + i]!
    return length + (token >= 0xc7 && token <= 0xc9 ? ext : 0)
  }
}

/** The width of the length field of 0xc0 to 0xdf; `undefined` for the byte that MessagePack never uses. */
const widths: ReadonlyArray<number | undefined> = [
  ...[0, undefined, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0, 0, 0, 0],
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4]
]

/** The bytes of contents of 0xc0 to 0xdf; -1 where a length field states them. */
const contents: ReadonlyArray<number> = [
  ...[0, 0, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8],
  ...[1, 2, 4, 8, 2, 3, 5, 9, 17, -1, -1, -1, -1, -1, -1, -1]
]

const widthOf = (token: number): number | undefined => token >= 0xc0 && token < 0xe0 ? widths[token - 0xc0] : 0

export const isArray = (token: number): boolean => (token >= 0x90 && token < 0xa0) || token === 0xdc || token === 0xdd

const isMap = (token: number): boolean => (token >= 0x80 && token < 0x90) || token === 0xde || token === 0xdf

const isContainer = (token: number): boolean => isArray(token) || isMap(token)

const childrenOf = (token: number, length: number): number => isArray(token) ? length : isMap(token) ? length * 2 : 0
