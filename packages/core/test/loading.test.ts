// A program that reads no stream and decodes nothing does not load what these need.
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import * as fs from "node:fs"

describe("effect/Schema and effect/Stream take longer to load than a pool", () => {
  /** Every module that one loads, by its static imports of values. */
  const loaded = (entry: URL, found = new Set<string>()): ReadonlySet<string> => {
    if (found.has(entry.href)) return found
    found.add(entry.href)
    const source = fs.readFileSync(entry, "utf8")
    for (const [, kind, from] of source.matchAll(/^(?:im|ex)port (type )?[^;]*?(?<= from )"([^"]+)"/gm)) {
      if (kind !== undefined) continue
      if (from!.startsWith(".")) loaded(new URL(from!.replace(/\.js$/, ".ts"), entry), found)
      else if (from!.startsWith("@socketpool/core/")) {
        loaded(new URL(`../src/${from!.slice(17)}.ts`, import.meta.url), found)
      } else found.add(from!)
    }
    return found
  }

  it.each(["../src/Pool.ts", "../src/TransportPool.ts", "../../node/src/TcpPool.ts"])("%s loads neither", (path) => {
    const modules = loaded(new URL(path, import.meta.url))
    assert.include([...modules], "effect/Effect")
    assert.isAbove(modules.size, 50)
    for (const heavy of ["Schema", "ParseResult", "Stream", "Sink", "Channel"]) {
      assert.notInclude([...modules], `effect/${heavy}`)
    }
  })
})
