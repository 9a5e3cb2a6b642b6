import { type Decoder, type Malformed, TooLarge } from "@socketpool/core/Decoder"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { ByteQueue } from "../src/internal/byteQueue.js"
import { atMost, exactly, until } from "../src/internal/decoders.js"
import { breathe, bySearch, seeds } from "./search.js"

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (answer: Uint8Array | TooLarge | Malformed | undefined) =>
  answer instanceof Uint8Array ? new TextDecoder().decode(answer) : answer

/** Every way to cut a text into at most three chunks. */
const splits = (whole: string): Array<Array<string>> => {
  const all: Array<Array<string>> = []
  for (let i = 0; i <= whole.length; i++) {
    for (let j = i; j <= whole.length; j++) {
      all.push([whole.slice(0, i), whole.slice(i, j), whole.slice(j)].filter((part) => part.length > 0))
    }
  }
  return all
}

/** Feeds the chunks one by one and asks after each. */
const feed = (decoder: Decoder<Uint8Array>, chunks: ReadonlyArray<string>) => {
  const buffer = new ByteQueue()
  for (const chunk of chunks) {
    buffer.push(bytes(chunk))
    const answer = decoder.decode(buffer)
    if (answer !== undefined) {
      // Bytes that have not come yet are still expected.
      for (const rest of chunks.slice(chunks.indexOf(chunk) + 1)) buffer.push(bytes(rest))
      return { answer: text(answer), left: text(buffer.take(buffer.length)) }
    }
  }
  return { answer: undefined, left: text(buffer.take(buffer.length)) }
}

describe("a read of exactly n bytes", () => {
  it("takes them wherever the stream is cut", () => {
    for (const chunks of splits("abcdefgh")) {
      expect(feed(exactly(5), chunks)).toEqual({ answer: "abcde", left: "fgh" })
    }
  })

  it("takes nothing before they have all come", () => {
    for (const chunks of splits("abcd")) expect(feed(exactly(5), chunks)).toEqual({ answer: undefined, left: "abcd" })
  })
})

describe("a read up to a delimiter", () => {
  it("takes delimiter and all wherever the stream is cut", () => {
    for (const chunks of splits("ab\rc\r\nde\r\n")) {
      expect(feed(until(bytes("\r\n"), 100), chunks)).toEqual({ answer: "ab\rc\r\n", left: "de\r\n" })
    }
  })

  it("finds a delimiter that repeats itself", () => {
    for (const chunks of splits("xaaabz")) {
      expect(feed(until(bytes("aab"), 100), chunks)).toEqual({ answer: "xaaab", left: "z" })
    }
  })

  it("finds what a plain search of the whole finds, however the stream is cut", async () => {
    let [seed] = seeds("decoders", 11)
    const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below
    for (let round = 0; round < bySearch({ short: 4_000, full: 20_000 }); round++) {
      await breathe()
      const letters = (length: number) => Array.from({ length }, () => "ab"[random(2)]).join("")
      const whole = letters(1 + random(24))
      const delimiter = letters(1 + random(4))
      const chunks = whole.split(/(?<=.)/).reduce<Array<string>>((all, letter) => {
        if (all.length === 0 || random(3) === 0) all.push(letter)
        else all[all.length - 1] += letter
        return all
      }, [])
      const at = whole.indexOf(delimiter)
      const { answer } = feed(until(bytes(delimiter), 100), chunks)
      expect([whole, delimiter, answer]).toEqual([
        whole,
        delimiter,
        at < 0 ? undefined : whole.slice(0, at + delimiter.length)
      ])
    }
  })

  it("takes a frame of just maxBytes and refuses one byte more, wherever the stream is cut", () => {
    for (const chunks of splits("abcd\n")) expect(feed(until(bytes("\n"), 5), chunks).answer).toBe("abcd\n")
    for (const chunks of splits("abcd\n")) expect(feed(until(bytes("\n"), 4), chunks).answer).toBe(TooLarge)
  })

  it("refuses an endless frame as soon as maxBytes have come without a delimiter", () => {
    expect(feed(until(bytes("\n"), 4), ["abcd", "efgh"]).answer).toBe(TooLarge)
  })
})

describe("a read of at most n bytes", () => {
  it("takes what has come, up to n", () => {
    expect(feed(atMost(3), ["ab", "cd"])).toEqual({ answer: "ab", left: "cd" })
    expect(feed(atMost(3), ["abcd"])).toEqual({ answer: "abc", left: "d" })
  })

  it("waits when nothing has come", () => {
    expect(atMost(3).decode(new ByteQueue())).toBe(undefined)
  })
})

describe("the byte buffer", () => {
  it("gives plain arrays, not Node's buffers", () => {
    const buffer = new ByteQueue()
    buffer.push(Buffer.from("abc"))
    buffer.push(Buffer.from("def"))
    for (const size of [2, 1, 2, 1]) expect(buffer.take(size).constructor).toBe(Uint8Array)
    expect(buffer.length).toBe(0)
  })
})
