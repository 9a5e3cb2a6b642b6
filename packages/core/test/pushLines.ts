import { Framing } from "@socketpool/core"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

/** Lines by a parser that eats whatever it is given, and tells of many at once. */
export const pushLines: Framing.Framing = {
  decoder: Framing.decoder<Uint8Array>((emit) => {
    let kept = ""
    return (bytes) => {
      const lines = (kept + text(bytes)).split("\n")
      kept = lines.pop()!
      for (const line of lines) emit(new TextEncoder().encode(line))
    }
  }, { maxBytes: 400 }),
  encode: Framing.lines({ end: "\n" }).encode
}
