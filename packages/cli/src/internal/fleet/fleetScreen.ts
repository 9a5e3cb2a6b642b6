/** The fleet in a terminal, where keys kill its processes. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { bar, type Device, fullScreen, type Line, paint, Screen } from "../screen.js"
import { count } from "../text.js"
import type { Member } from "./fleet.js"
import { connections, eventText, initialBorrowers, limit, type Running } from "./scene.js"

/** The borrowers that `+` and `-` add and take. */
const step = 2

/** Runs until `q` is pressed. */
export const interactive = (running: Running): Effect.Effect<void, never, Screen> =>
  Effect.scoped(Effect.gen(function*() {
    const { members } = running
    const screen = yield* Screen
    const draw = yield* fullScreen
    let selected = 0
    const show = Effect.suspend(() => draw(picture(running, screen, selected)))
    const press = (key: string): void => {
      const member = members[selected]!
      const pressed = members.find(({ number }) => String(number) === key)
      if (pressed !== undefined) return pressed.state === "dead" ? pressed.start() : pressed.kill()
      switch (key) {
        case "\x1b[A":
          selected = (selected + members.length - 1) % members.length
          break
        case "\x1b[B":
        case "\t":
          selected = (selected + 1) % members.length
          break
        case "+":
          return member.setBorrowers(member.borrowers + step)
        case "-":
          return member.setBorrowers(member.borrowers - step)
        case "i":
          return member.setBorrowers(member.borrowers === 0 ? initialBorrowers : 0)
      }
    }
    const keys = yield* screen.keys
    yield* Effect.forkScoped(Effect.repeat(show, Schedule.spaced("100 millis")))
    yield* Stream.runForEach(
      Stream.takeUntil(keys, (key) => key === "q" || key === "\x03"),
      (key) => Effect.andThen(Effect.sync(() => press(key)), show)
    )
  }))

const heads = ["PROCESS", "STATE", "HELD", "WANTED", "IN USE", "LEASES/S", "BORROWERS", "PLACES"]
const widths = [16, 10, 6, 8, 8, 10, 11]

const cells = (texts: ReadonlyArray<string>): string =>
  texts.map((text, i) => i < 2 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!)).join("")

const rowOf = ({ story }: Running, screen: Device, member: Member, isSelected: boolean): Line => {
  const { borrowers, leasesPerSecond, number, pid, report, state } = member
  const withheld = state === "dead" ? story.withheld(number) : 0
  const held = state === "dead" ? withheld : report?.held ?? 0
  const text = cells([
    `${isSelected ? ">" : " "} ${number}  ${pid === undefined ? "" : `pid ${pid}`}`,
    withheld > 0 ? "withheld" : state,
    String(held),
    String(report?.wanted ?? 0),
    String(report?.inUse ?? 0),
    count(leasesPerSecond),
    borrowers === 0 ? "idle" : String(borrowers)
  ])
  const tone = withheld > 0 ? "warn" : state === "dead" ? "bad" : state === "starting" ? "dim" : "plain"
  return [paint(text, tone), "  ", paint(bar(screen, held / limit, Math.min(limit, 24)), tone)]
}

const picture = (running: Running, screen: Device, selected: number): ReadonlyArray<Line> => {
  const { members, server, story } = running
  const [seen, peak] = [server.connections(), server.peak()]
  const events = story.lines.slice(-Math.max(4, Math.min(12, screen.rows() - 17)))
  return [
    paint("socketpool demo fleet", "bold"),
    `  ${members.length} processes share ${limit} connections to one server. Each has a pool that may open ${connections}.`,
    "  Redis counts the places. Kill a process, and see its places move to the others.",
    "",
    [
      `  The server sees ${String(seen).padStart(2)} of ${limit} connections  `,
      paint(bar(screen, seen / limit, Math.min(limit, 24)), seen > limit ? "bad" : "good"),
      "  peak since the start: ",
      paint(String(peak), peak > limit ? "bad" : "good")
    ],
    "",
    paint(`${cells(heads.slice(0, -1))}  ${heads.at(-1)}`, "dim"),
    ...members.map((member, i) => rowOf(running, screen, member, i === selected)),
    "",
    ...events.map((line) => `  ${eventText(line)}`),
    "",
    "  1-4: kill, or start again   up, down: select   + -: load   i: idle or not   q: quit"
  ]
}
