/** The demo: `npm start`, or `npm start -- --help`. */
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Console, Effect, Exit } from "effect"
import { parse, usage } from "./demo/options.js"
import { run } from "./demo/run.js"
import { Screen } from "./demo/screen.js"

const exitCodes = { ok: 0, wrong: 1, usage: 2, interrupted: 130 }

// Whoever read this through a pipe has seen enough.
process.stdout.on("error", () => process.exit(exitCodes.ok))

// Ctrl-C reaches this process twice: from the terminal and through tsx. `runMain` hears the first and ends cleanly;
// without a listener the second would cut that short.
process.on("SIGINT", () => {})

const main = Effect.gen(function*() {
  const command = yield* parse(process.argv.slice(2))
  if (command._tag === "Help") return yield* Effect.as(Console.log(usage), exitCodes.ok)
  const ok = yield* run(command.options, new Screen(process.stdout, process.env))
  return ok ? exitCodes.ok : exitCodes.wrong
}).pipe(
  Effect.catchTag(
    "BadOption",
    "UnknownArgument",
    (error) => Effect.as(Console.error(`${error.message}\nSee npm start -- --help`), exitCodes.usage)
  ),
  Effect.catchAll((error) => Effect.as(Console.error(`${error._tag}: ${error.message}`), exitCodes.wrong))
)

NodeRuntime.runMain(main, {
  disablePrettyLogger: true,
  teardown: (exit, onExit) =>
    onExit(
      Exit.match(exit, {
        onSuccess: (code) => typeof code === "number" ? code : exitCodes.ok,
        onFailure: (cause) => Cause.isInterruptedOnly(cause) ? exitCodes.interrupted : exitCodes.wrong
      })
    )
})
