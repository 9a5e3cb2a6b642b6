import { assert, describe, it } from "@effect/vitest"
import { Screen } from "../src/demo/screen.js"

const record = (output: { isTTY?: boolean; columns?: number }, env: Record<string, string> = {}) => {
  const written: Array<string> = []
  const screen = new Screen({ ...output, write: (text) => written.push(text) }, env)
  return { screen, written: () => written.join("") }
}

const session = (screen: Screen): void => {
  screen.print("title", "bold")
  screen.show("one")
  screen.show("two", "red")
  screen.print("between")
  screen.show("three")
  screen.keep()
  screen.print("end", "green")
}

const escape = String.fromCodePoint(27)

describe("the screen", () => {
  it("writes plain lines without a terminal", () => {
    const { screen, written } = record({})
    session(screen)
    assert.strictEqual(written(), "title\none\ntwo\nbetween\nthree\nend\n")
  })

  it("writes plain lines on a terminal that cannot do more", () => {
    const { screen, written } = record({ isTTY: true, columns: 80 }, { TERM: "dumb" })
    session(screen)
    assert.strictEqual(written(), "title\none\ntwo\nbetween\nthree\nend\n")
  })

  it("rewrites the live line in place on a terminal", () => {
    const { screen, written } = record({ isTTY: true, columns: 80 }, { NO_COLOR: "1" })
    session(screen)
    const erase = `\r${escape}[K`
    assert.strictEqual(written(), `title\none${erase}two${erase}between\nthree\nend\n`)
  })

  it("uses colours on a terminal unless NO_COLOR is set", () => {
    const { screen, written } = record({ isTTY: true, columns: 80 }, { NO_COLOR: "" })
    screen.print("end", "green")
    assert.strictEqual(written(), `${escape}[32mend${escape}[0m\n`)
  })

  it("leaves the last column of a terminal empty, and follows its size", () => {
    const output = { isTTY: true, columns: 120 }
    const screen = new Screen({
      ...output,
      get columns() {
        return output.columns
      },
      write: () => {}
    }, {})
    assert.strictEqual(screen.width, 119)
    output.columns = 80
    assert.strictEqual(screen.width, 79)
  })
})
