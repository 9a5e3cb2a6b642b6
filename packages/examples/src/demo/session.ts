/** What the demo does while its pool is open. */
import { Pool, type PoolExhaustedError } from "@socketpool/core"
import { Clock, Duration, Effect, Fiber, Option } from "effect"
import * as EchoServer from "../echoServer.js"
import { program as quickstart } from "../quickstart.js"
import { exhaust } from "./exhausted.js"
import { load } from "./load.js"
import { Meter } from "./meter.js"
import type { Options } from "./options.js"
import { outage } from "./outage.js"
import type { Screen } from "./screen.js"
import { plural, wrap } from "./text.js"
import { watch } from "./watch.js"

/** The README's quick start, with this pool. */
const sayHello = (screen: Screen) =>
  Effect.map(
    quickstart,
    (reply) => screen.print(`Sent "hello", received ${JSON.stringify(new TextDecoder().decode(reply))}.`)
  )

const printRefusals = (screen: Screen, errors: ReadonlyArray<PoolExhaustedError>): void => {
  screen.print()
  screen.print("A pool of one connection, in which one borrower may wait, when more come:", "bold")
  for (const error of errors) {
    screen.print(`  ${error._tag} ${error.reason}`)
    for (const line of wrap(error.message, screen.width - 4)) screen.print(`    ${line}`)
  }
}

/** Lets the server run for a third of the time, and then keeps it away for about a second. */
const restart = (
  server: EchoServer.EchoServer,
  meter: Meter,
  screen: Screen,
  seconds: number,
  setDown: (down: boolean) => void
) =>
  Effect.gen(function*() {
    yield* Effect.sleep(Duration.seconds(seconds / 3))
    const result = yield* outage(server, meter, Duration.seconds(Math.min(1, seconds / 4)), (lost) => {
      setDown(true)
      screen.print(`The server is killed, and ${plural(lost, "connection")} with it; its port refuses.`, "bold")
    })
    setDown(false)
    screen.print(
      `The server is back after ${result.downMillis} ms; the first reply came ${result.healedMillis} ms later.`,
      "bold"
    )
    return result
  })

/** Runs it all. Succeeds with what was found, and with the pool, which knows its own numbers even when it has closed. */
export const session = (
  options: Options,
  target: { readonly host: string; readonly port: number },
  server: EchoServer.EchoServer | undefined,
  screen: Screen
) =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* Pool
    yield* sayHello(screen)
    // With a server of its own, so that the other one counts the connections of one pool only.
    const exhausted = yield* server === undefined ?
      exhaust(target) :
      Effect.scoped(Effect.flatMap(EchoServer.make, exhaust))
    printRefusals(screen, exhausted)

    const { connections, fibers, seconds } = options
    screen.print()
    screen.print(
      `${plural(fibers, "fiber")} on ${plural(connections, "connection")} for ${plural(seconds, "second")}:`,
      "bold"
    )
    const meter = new Meter()
    let down = false
    const restarting = yield* Effect.forkScoped(
      server === undefined ?
        Effect.succeedNone :
        Effect.asSome(restart(server, meter, screen, seconds, (isDown) => {
          down = isDown
        }))
    )
    const watching = yield* Effect.forkScoped(watch(screen, meter, () => down))
    const startedAt = yield* Clock.currentTimeMillis
    // The fibers go on until the time is over and the pool has recovered, for which it has 5 more seconds.
    const time = Effect.andThen(
      Effect.sleep(Duration.seconds(seconds)),
      Effect.timeoutOption(Fiber.join(restarting), "5 seconds")
    )
    const { ended, result } = yield* load(fibers, meter, time)
    const millis = (yield* Clock.currentTimeMillis) - startedAt
    yield* Fiber.interrupt(watching)
    return { pool, exhausted, meter, millis, ended, outage: Option.getOrUndefined(Option.flatten(result)) }
  }))
