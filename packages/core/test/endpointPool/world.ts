// Servers whose health a test decides, and a pool of them.
import { ConnectionError, type Endpoint, EndpointPool, Endpoints } from "@socketpool/core"
import { async, forkDaemon, TestClock, yieldNow } from "@socketpool/test-seam"
import { Effect } from "effect"

/** The state of a server: it works, it refuses connections, it is silent, or it resets what it has accepted. */
export type Mode = "up" | "refuses" | "hangs" | "resets"

export class Refused {
  readonly _tag = "Refused"
  constructor(readonly server: string) {}
}

export class NoAnswer {
  readonly _tag = "NoAnswer"
  readonly message = "no answer"
}

export interface Line {
  readonly server: string
  readonly address: string
  readonly id: number
  isClosed: boolean
  holders: number
  /** The last tier that it has answered. */
  answered: number | undefined
}

export class Server {
  mode: Mode = "up"
  /** The time of one request, in milliseconds. */
  work = 10
  openMillis = 1
  /** The tier that it answers, or how it fails to. */
  role: number | "fails" | "dies" | "hangs" | "nonsense" = 0
  /** The answers before that, if there are any. */
  readonly roles: Array<number> = []
  probeMillis = 1
  probes = 0
  open = 0
  peak = 0
  opens = 0
  attempts = 0
  closes = 0
  served = 0

  constructor(readonly name: string) {}
}

const idOf = ({ host, id, port }: Endpoint): string => id ?? `${host}:${port}`

export class World {
  readonly servers = new Map<string, Server>()
  readonly problems: Array<string> = []
  /** The open connections of all servers. */
  open = 0
  peak = 0
  opened = 0
  closed = 0
  private ids = 0

  server(name: string): Server {
    const known = this.servers.get(name)
    if (known !== undefined) return known
    const made = new Server(name)
    this.servers.set(name, made)
    return made
  }

  readonly connect = (endpoint: Endpoint) => {
    const server = this.server(idOf(endpoint))
    return Effect.acquireRelease(
      Effect.suspend(() => {
        server.attempts++
        if (server.mode === "hangs") return Effect.never
        if (server.mode === "refuses") return Effect.fail(new Refused(server.name))
        return Effect.map(server.openMillis === 0 ? Effect.void : Effect.sleep(server.openMillis), (): Line => {
          server.opens++
          this.opened++
          server.peak = Math.max(server.peak, ++server.open)
          this.peak = Math.max(this.peak, ++this.open)
          const { host, port } = endpoint
          return {
            server: server.name,
            address: `${host}:${port}`,
            id: ++this.ids,
            isClosed: false,
            holders: 0,
            answered: undefined
          }
        })
      }).pipe(Effect.interruptible),
      (line) =>
        Effect.sync(() => {
          if (line.isClosed) this.problems.push(`connection ${line.id} was closed twice`)
          line.isClosed = true
          server.open--
          server.closes++
          this.open--
          this.closed++
        })
    )
  }

  /** Holds a connection, and notices if anybody else does or if it is closed. */
  readonly holding = <A, E, R>(line: Line, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        if (line.isClosed) this.problems.push(`connection ${line.id} was lent although it is closed`)
        if (++line.holders > 1) this.problems.push(`connection ${line.id} has ${line.holders} holders`)
      }),
      () => work,
      () => Effect.sync(() => line.holders--)
    )

  /** Asks for the tier of a server. */
  readonly probe = (line: Line): Effect.Effect<{ readonly tier: number }, NoAnswer> =>
    this.holding(
      line,
      Effect.suspend(() => {
        const server = this.server(line.server)
        server.probes++
        const role = server.roles.shift() ?? server.role
        if (role === "hangs" || server.mode === "hangs") return Effect.never
        return Effect.flatMap(server.probeMillis === 0 ? yieldNow : Effect.sleep(server.probeMillis), () => {
          if (role === "fails" || server.mode !== "up") return Effect.fail(new NoAnswer())
          if (role === "dies") return Effect.die(new Error("a defect"))
          if (role === "nonsense") return Effect.succeed({ tier: -1 })
          line.answered = role
          return Effect.succeed({ tier: role })
        })
      })
    )

  /** One request. It takes as long as the server needs, and fails if the server resets it. */
  readonly request = (line: Line): Effect.Effect<string, ConnectionError> =>
    this.holding(
      line,
      Effect.suspend(() => {
        const server = this.server(line.server)
        if (server.mode === "resets" || server.mode === "refuses") {
          return Effect.fail(new ConnectionError({ reason: "Reset", operation: "read", address: line.address }))
        }
        server.served++
        return Effect.as(server.work === 0 ? yieldNow : Effect.sleep(server.work), line.server)
      })
    )
}

export const endpointOf = (name: string, more: Partial<Endpoint> = {}): Endpoint => {
  const [host, port] = name.split(":")
  return { host: host!, port: Number(port ?? 1), id: name, ...more }
}

/** A discovery whose sets a test publishes. */
export const published = () => {
  let waiting: (() => void) | undefined
  const queue: Array<ReadonlyArray<Endpoint> | Error | "end"> = []
  const next: Effect.Effect<ReadonlyArray<Endpoint> | undefined, Error> = Effect.suspend(() => {
    const first = queue.shift()
    if (first === "end") return Effect.succeed(undefined)
    if (first instanceof Error) return Effect.fail(first)
    if (first !== undefined) return Effect.succeed(first)
    return Effect.flatMap(
      async<void>((resume) => {
        waiting = () => resume(Effect.void)
        // It may have come between the look and this step.
        if (queue.length > 0) waiting()
      }),
      () => next
    )
  })
  const publish = (set: ReadonlyArray<Endpoint> | Error | "end"): void => {
    queue.push(set)
    const wake = waiting
    waiting = undefined
    wake?.()
  }
  return {
    endpoints: Endpoints.fromPull(Effect.succeed(next)),
    publish: (...names: ReadonlyArray<string | Endpoint>) =>
      publish(names.map((name) => typeof name === "string" ? endpointOf(name) : name)),
    fail: (message: string) => publish(new Error(message)),
    end: () => publish("end")
  }
}

export type Options = Partial<EndpointPool.Options<Line, Refused, never>>

/** A pool of servers of these names, which never change. */
export const makePool = (world: World, names: ReadonlyArray<string | Endpoint>, options: Options = {}) =>
  EndpointPool.make<Line, Refused>({
    endpoints: Endpoints.of(...names.map((name) => typeof name === "string" ? endpointOf(name) : name)),
    open: world.connect,
    name: "replicas",
    drainTimeout: 0,
    ttlJitter: 0,
    ...options
  })

/** A close that a test leaves under way must not wait for a clock that stands still. */
export const setup = (names: ReadonlyArray<string | Endpoint>, options: Options = {}) =>
  Effect.gen(function*() {
    const world = new World()
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        if (world.open !== 0) throw new Error(`${world.open} connections are left`)
        if (world.problems.length > 0) throw new Error(world.problems.join("; "))
      })
    )
    const pool = yield* makePool(world, names, options)
    yield* Effect.addFinalizer(() => forkDaemon(TestClock.adjust("1 minute")))
    return { world, pool }
  })
