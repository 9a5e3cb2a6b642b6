import type { Command, Step } from "./commands.js"
import type { Setting } from "./setting.js"

/** Cases that once went wrong: their options, and what was done. */
export interface Regression {
  readonly name: string
  readonly setting: Partial<Setting>
  readonly steps: ReadonlyArray<Step>
}

const steps = (...commands: ReadonlyArray<Command>): ReadonlyArray<Step> =>
  commands.map((command) => ({ command, hurried: false }))

const use: Command = { _tag: "Use" }
const finish: Command = { _tag: "Finish", at: 0, how: "succeeds" }
const resize = (min: number): Command => ({ _tag: "Resize", min, max: 1 })
const pass = (millis: number): Command => ({ _tag: "Pass", millis })

export const regressions: ReadonlyArray<Regression> = [
  {
    name: "opens for the other waiters when an open was given up that cannot be interrupted",
    setting: { max: 2, concurrency: 3 },
    steps: steps({ _tag: "Script", hook: "open", behaviour: "stuck" }, use, use, pass(1_000))
  },
  {
    name: "opens for a waiter when the connection that was validated is good for fewer leases than it seemed",
    setting: { max: 2, concurrency: 3, maxUses: 3, validateAfterIdle: 100 },
    steps: steps(
      use,
      finish,
      pass(250),
      { _tag: "Script", hook: "validate", behaviour: 30 },
      use,
      use,
      use,
      pass(100)
    )
  },
  {
    name: "lends no room of a connection in use once it is closing",
    setting: { concurrency: 2 },
    steps: steps(use, { _tag: "Close" }, use)
  },
  {
    name: "fills the floor again after clear has given up the open that tried to",
    setting: { min: 1 },
    steps: steps(
      { _tag: "Script", hook: "open", behaviour: "fail" },
      { _tag: "Script", hook: "open", behaviour: "never" },
      use,
      { _tag: "Drop", at: 0 },
      pass(100),
      { _tag: "Clear" }
    )
  },
  {
    name: "fills the floor again after resize has given up the open that tried to",
    setting: { max: 2, min: 2 },
    steps: steps(
      { _tag: "Script", hook: "open", behaviour: "fail" },
      { _tag: "Script", hook: "open", behaviour: "never" },
      use,
      use,
      { _tag: "Drop", at: 0 },
      pass(100),
      { _tag: "Resize", min: 1, max: 1 },
      { _tag: "Drop", at: 1 }
    )
  },
  {
    name: "lends the room of a connection in use to those for whom none is validated",
    setting: { max: 2, min: 2, concurrency: 2, order: "fifo", validateAfterIdle: 100 },
    steps: steps({ _tag: "Script", hook: "validate", behaviour: "never" }, use, pass(100), use, use, use)
  },
  {
    name: "lends the room of a connection in use when the one that was validated has to go",
    setting: { max: 2, min: 2, concurrency: 3, order: "fifo", validateAfterIdle: 0 },
    steps: steps(
      use,
      { _tag: "Script", hook: "validate", behaviour: 30 },
      use,
      { _tag: "Resize", min: 0, max: 1 }
    )
  },
  {
    name: "makes room for who reconnects by closing an idle connection",
    setting: { max: 2, min: 2, concurrency: 3 },
    steps: steps(use, use, { _tag: "Reconnect", at: 0 }, pass(0))
  },
  {
    name: "lends what was opened after the one that is found broken had been asked",
    setting: { max: 3, min: 2, order: "fifo", validateAfterIdle: 0, ttl: 400 },
    steps: steps(
      pass(100),
      use,
      pass(250),
      { _tag: "Script", hook: "validate", behaviour: "no" },
      pass(50),
      finish,
      use
    )
  },
  {
    name: "is ready only while the floor is filled, not because it was for a moment",
    setting: { max: 1 },
    steps: [
      ...steps({ _tag: "Script", hook: "open", behaviour: "never" }, resize(1), { _tag: "AwaitReady" }),
      { command: resize(0), hurried: true },
      { command: resize(1), hurried: false }
    ]
  },
  {
    name: "lends beside a borrower that is interrupted before it takes what it was handed",
    setting: { max: 3, maxConnecting: 4, concurrency: 2, hasOnRelease: true },
    steps: [
      ...steps(
        { _tag: "Script", hook: "onRelease", behaviour: "ok" },
        { _tag: "Script", hook: "onRelease", behaviour: "no" },
        use,
        { _tag: "Script", hook: "open", behaviour: "never" },
        use,
        use,
        use,
        { _tag: "Script", hook: "open", behaviour: "never" },
        { _tag: "UseExclusive" },
        finish,
        finish,
        use,
        finish
      ),
      { command: use, hurried: true },
      { command: { _tag: "UseExclusive" }, hurried: true },
      ...steps({ _tag: "Interrupt", at: 14 }, pass(0))
    ]
  },
  {
    name: "closes a connection of the former floor as soon as it has answered, if it has been idle for too long",
    setting: { max: 1, min: 1, idleTimeout: 350, validateAfterIdle: 0, keepaliveTime: 380 },
    steps: steps(
      pass(3_000),
      { _tag: "Script", hook: "validate", behaviour: 30 },
      pass(50),
      resize(0),
      pass(0)
    )
  }
]
