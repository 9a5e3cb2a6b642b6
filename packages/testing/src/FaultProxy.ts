/**
 * A TCP proxy that does to connections what networks do: delays, cuts, resets, garbage. It stands between a client and
 * a real server, on loopback and in real time, and the test says when.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import { Pump, type Pumped, untouched } from "./internal/pump.js"
import * as Rng from "./Rng.js"

/**
 * What is done to the bytes that go one way. What is left out is not done.
 *
 * @since 0.1.0
 * @category models
 */
export interface Faults {
  /** Everything comes so much later; the order is kept. */
  readonly latency?: Duration.DurationInput
  /** Besides, a random share of this; the order is kept even so. */
  readonly jitter?: Duration.DurationInput
  /** At most so many bytes per second. More than 0. */
  readonly bytesPerSecond?: number
  /** Writes are split into pieces of at most so many bytes, each sent by itself. At least 1. */
  readonly slice?: number
  /** What comes within this time is sent as one write. */
  readonly merge?: Duration.DurationInput
  /** Nothing is passed on, and the sender is held back, until something else is said. */
  readonly stall?: boolean
  /** The probability, from 0 to 1, that a chunk has one of its bits flipped. */
  readonly corrupt?: number
  /** The probability, from 0 to 1, that a chunk is sent twice. */
  readonly duplicate?: number
  /** Once so many bytes more have been passed on, the connection is cut: see `cut`. At least 0. */
  readonly cutAfter?: number
  /** How it is cut: `"Reset"` (the default) or, in order, `"End"`. */
  readonly cut?: "Reset" | "End"
}

/**
 * How the proxy meets those who connect: `"Accept"` as usual, `"Refuse"` (nobody listens), `"Reset"` (accepted and reset
 * at once), or `"Ignore"` (accepted, and then nothing ever comes).
 *
 * @since 0.1.0
 * @category models
 */
export type Welcome = "Accept" | "Refuse" | "Reset" | "Ignore"

/**
 * A proxy and what a test does with it. Numbers that effects give are of the client's connections that were met.
 *
 * @since 0.1.0
 * @category models
 */
export interface FaultProxy {
  /** Where clients connect to: 127.0.0.1. */
  readonly host: string
  readonly port: number

  /** What is done from now on to the bytes of all connections, in one direction or both; replaces what was done before. */
  readonly set: (direction: "ToServer" | "ToClient" | "Both", faults: Faults) => Effect.Effect<void>

  /** How those who connect are met from now on. At first: `"Accept"`. */
  readonly welcome: (how: Welcome) => Effect.Effect<void>

  /** No faults any more, and everybody is accepted. */
  readonly heal: Effect.Effect<void>

  /** Resets every connection, on both sides. */
  readonly reset: Effect.Effect<number>

  /** Ends the stream to every client, as a server does that goes away in order. */
  readonly end: Effect.Effect<number>

  /** Sends every client something that no server has sent. */
  readonly inject: (bytes: Uint8Array | string) => Effect.Effect<number>

  /** How many clients are connected. */
  readonly connections: Effect.Effect<number>

  /** How many clients have ever been accepted. */
  readonly accepted: Effect.Effect<number>
}

/**
 * Starts a proxy on a random port of loopback. It stops with the scope, and every connection through it ends then.
 *
 * A peer's end and a peer's reset are passed on. A client whose server cannot be reached is reset. What is random comes
 * from `seed` (1 unless given). Wrong options are a defect that names the option, the value and the rule.
 *
 * @example
 * ```ts
 * import { TcpPool } from "@socketpool/node"
 * import { FaultProxy } from "@socketpool/testing"
 * import { Effect } from "effect"
 *
 * const test = Effect.scoped(Effect.gen(function*() {
 *   const proxy = yield* FaultProxy.make({ host: "127.0.0.1", port: 6379 })
 *   const pool = yield* TcpPool.make({ host: proxy.host, port: proxy.port })
 *   yield* proxy.set("ToClient", { latency: "20 millis", slice: 1 })
 *   yield* pool.use((connection) => Effect.andThen(connection.send("PING\r\n"), connection.recvUntil("\r\n")))
 *   yield* proxy.reset
 * }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  target: { readonly host: string; readonly port: number; readonly seed?: number }
): Effect.Effect<FaultProxy, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const proxy = new Proxy(target)
        await proxy.listen()
        return proxy
      }),
      (proxy) => Effect.promise(() => proxy.stop())
    ),
    (proxy) => ({
      host,
      port: proxy.port,
      set: (direction, faults) => Effect.sync(() => proxy.set(direction, faults)),
      welcome: (how) => Effect.promise(() => proxy.welcome(how)),
      heal: Effect.promise(() => {
        proxy.set("Both", {})
        return proxy.welcome("Accept")
      }),
      reset: Effect.sync(() => proxy.each((pair) => pair.reset())),
      end: Effect.sync(() => proxy.each((pair) => pair.client.end())),
      inject: (bytes) => Effect.sync(() => proxy.each((pair) => pair.client.write(bytes))),
      connections: Effect.sync(() => proxy.pairs.size),
      accepted: Effect.sync(() => proxy.accepted)
    })
  )

const host = "127.0.0.1"

/** A client and, unless it is ignored, its server. */
class Pair {
  private readonly server: net.Socket | undefined
  private readonly pumps: ReadonlyArray<readonly ["ToServer" | "ToClient", Pump]>
  private isOver = false

  constructor(
    readonly client: net.Socket,
    target: { readonly host: string; readonly port: number } | undefined,
    faults: Record<"ToServer" | "ToClient", Faults>,
    rng: Rng.Rng,
    private readonly gone: () => void
  ) {
    const server = target === undefined ? undefined : net.connect({ ...target, noDelay: true, allowHalfOpen: true })
    this.server = server
    this.pumps = server === undefined ? [] : [
      ["ToServer", new Pump(client, server, pumped(faults.ToServer), rng, () => this.cut(faults.ToServer))],
      ["ToClient", new Pump(server, client, pumped(faults.ToClient), rng, () => this.cut(faults.ToClient))]
    ]
    for (const socket of server === undefined ? [client] : [client, server]) {
      socket.on("error", () => this.reset())
      socket.on("close", () => this.noteClosed())
    }
  }

  change(direction: "ToServer" | "ToClient", faults: Faults): void {
    for (const [way, pump] of this.pumps) if (way === direction) pump.change(pumped(faults))
  }

  private cut({ cut }: Faults): void {
    if (cut !== "End") return this.reset()
    this.client.end()
    this.server?.end()
  }

  reset(): void {
    for (const [, pump] of this.pumps) pump.stop()
    reset(this.client)
    if (this.server !== undefined) reset(this.server)
  }

  private noteClosed(): void {
    if (this.isOver || !this.client.destroyed || this.server?.destroyed === false) return
    this.isOver = true
    for (const [, pump] of this.pumps) pump.stop()
    this.gone()
  }
}

/**
 * Resets a socket. One that is still connecting cannot be, nor one that is just telling the peer of its end: there Node
 * 20 forgets the socket and leaves its descriptor open.
 */
const reset = (socket: net.Socket): void => {
  if (socket.connecting || (socket.writableEnded && !socket.writableFinished)) socket.destroy()
  else socket.resetAndDestroy()
}

class Proxy {
  readonly pairs = new Set<Pair>()
  port = 0
  accepted = 0
  private readonly rng: Rng.Rng
  private readonly faults: Record<"ToServer" | "ToClient", Faults> = { ToServer: {}, ToClient: {} }
  private how: Welcome = "Accept"
  private readonly server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.accept(client))

  constructor(private readonly target: { readonly host: string; readonly port: number; readonly seed?: number }) {
    this.rng = Rng.make(target.seed ?? 1)
  }

  async listen(): Promise<void> {
    await new Promise<void>((done) => this.server.listen(this.port, host, done))
    this.port = (this.server.address() as net.AddressInfo).port
  }

  private accept(client: net.Socket): void {
    this.accepted++
    if (this.how === "Reset") {
      client.on("error", () => {})
      reset(client)
      return
    }
    const { host, port } = this.target
    const target = this.how === "Ignore" ? undefined : { host, port }
    const pair: Pair = new Pair(client, target, this.faults, this.rng, () => this.pairs.delete(pair))
    this.pairs.add(pair)
  }

  set(direction: "ToServer" | "ToClient" | "Both", faults: Faults): void {
    pumped(faults)
    for (const way of direction === "Both" ? ["ToServer", "ToClient"] as const : [direction]) {
      this.faults[way] = faults
      for (const pair of this.pairs) pair.change(way, faults)
    }
  }

  async welcome(how: Welcome): Promise<void> {
    this.how = how
    if (how === "Refuse" && this.server.listening) {
      // Closed for newcomers at once; it says so only when the last connection has gone.
      this.server.close()
    } else if (how !== "Refuse" && !this.server.listening) {
      await this.listen()
    }
  }

  each(f: (pair: Pair) => void): number {
    const present = [...this.pairs]
    for (const pair of present) f(pair)
    return present.length
  }

  async stop(): Promise<void> {
    this.each((pair) => pair.reset())
    if (this.server.listening) await new Promise<void>((done) => void this.server.close(() => done()))
  }
}

const reject = (option: string, value: unknown, rule: string): never => {
  throw new RangeError(`FaultProxy: ${option} must be ${rule}, but is ${String(value)}`)
}

const millis = (option: string, value: Duration.DurationInput | undefined): number => {
  if (value === undefined) return 0
  const decoded = Duration.decodeUnknown(value)
  if (decoded._tag === "None" || !Duration.isFinite(decoded.value)) reject(option, value, "a finite duration")
  return Duration.toMillis(value)
}

const number = (option: string, value: number | undefined, isRight: (value: number) => boolean, rule: string) =>
  value === undefined || isRight(value) ? value : reject(option, value, rule)

const probability = (option: string, value: number | undefined): number =>
  number(option, value, (value) => value >= 0 && value <= 1, "from 0 to 1") ?? 0

/** Checks the faults. Throws a `RangeError` that names option, value and rule. */
const pumped = (faults: Faults): Pumped => ({
  ...untouched,
  latency: millis("latency", faults.latency),
  jitter: millis("jitter", faults.jitter),
  merge: millis("merge", faults.merge),
  stall: faults.stall === true,
  bytesPerSecond: number("bytesPerSecond", faults.bytesPerSecond, (value) => value > 0, "more than 0"),
  slice: number(
    "slice",
    faults.slice,
    (value) => Number.isInteger(value) && value >= 1,
    "a whole number of at least 1"
  ),
  corrupt: probability("corrupt", faults.corrupt),
  duplicate: probability("duplicate", faults.duplicate),
  cutAfter: number(
    "cutAfter",
    faults.cutAfter,
    (value) => Number.isInteger(value) && value >= 0,
    "a whole number of at least 0"
  )
})
