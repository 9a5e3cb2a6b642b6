/** The listening side of a fault proxy: its port, connections, faults and counts. */
import * as net from "node:net"
import type { Welcome } from "../FaultProxy.js"
import * as Rng from "../Rng.js"
import { FaultyPair, type Way } from "./faultyPair.js"
import type { Treatment } from "./pump.js"

export const host = "127.0.0.1"

const delay = (milliseconds: number) => new Promise<void>((done) => setTimeout(done, milliseconds))

export class FaultyServer {
  readonly pairs = new Set<FaultyPair>()
  port = 0
  accepted = 0
  private readonly treatments: { [way in Way]: Treatment }
  private readonly rng: Rng.Rng
  private how: Welcome = "Accept"
  private emptied: (() => void) | undefined = undefined
  private readonly listener = net.createServer(
    { allowHalfOpen: true, noDelay: true },
    (client) => this.meet(client)
  )

  constructor(
    private readonly target: { readonly host: string; readonly port: number },
    seed: number,
    untouched: Treatment
  ) {
    this.rng = Rng.make(seed)
    this.treatments = { toServer: untouched, toClient: untouched }
  }

  async listen(): Promise<void> {
    for (let attempt = 1;; attempt++) {
      // A port below those for outgoing connections. Otherwise a client that keeps connecting while nobody listens
      // could connect to itself and keep the port.
      const port = this.port === 0 ? 10_000 + Math.floor(Math.random() * 20_000) : this.port
      const problem = await this.tryListen(port)
      if (problem === undefined) {
        this.port = port
        return
      }
      if (problem.code !== "EADDRINUSE" || attempt === 250) throw problem
      await delay(20)
    }
  }

  private tryListen(port: number): Promise<NodeJS.ErrnoException | undefined> {
    return new Promise((done) => {
      const settle = (problem?: NodeJS.ErrnoException) => {
        this.listener.off("error", settle).off("listening", settle)
        done(problem)
      }
      this.listener.once("error", settle).once("listening", settle).listen(port, host)
    })
  }

  private meet(client: net.Socket): void {
    // The system may have accepted the client before the test changed the welcome.
    if (this.how === "Reset" || this.how === "Refuse") {
      if (this.how === "Reset") this.accepted++
      client.on("error", () => {})
      client.resetAndDestroy()
      return
    }
    this.accepted++
    const target = this.how === "Ignore" ? undefined : this.target
    // Each direction draws from a sequence of its own, so that other connections cannot shift it.
    const rngOf = () => Rng.make(this.rng.between(0, 0x7fff_ffff))
    const pair: FaultyPair = new FaultyPair(client, target, this.treatments, rngOf, () => {
      this.pairs.delete(pair)
      if (this.pairs.size === 0) this.emptied?.()
    })
    this.pairs.add(pair)
  }

  treat(ways: ReadonlyArray<Way>, treatment: Treatment): void {
    for (const way of ways) {
      this.treatments[way] = treatment
      for (const pair of this.present()) pair.change(way, treatment)
    }
  }

  async welcome(how: Welcome): Promise<void> {
    this.how = how
    // The listener refuses new clients at once, but reports its close only after the last connection has gone.
    if (how === "Refuse") this.listener.close()
    else if (!this.listener.listening) await this.listen()
  }

  /** The pairs whose client is still connected. */
  present(): ReadonlyArray<FaultyPair> {
    return [...this.pairs].filter((pair) => !pair.client.destroyed)
  }

  async stop(): Promise<void> {
    this.how = "Refuse"
    const closed = new Promise<void>((done) => void this.listener.close(() => done()))
    const emptied = new Promise<void>((done) => {
      if (this.pairs.size === 0) done()
      else this.emptied = done
    })
    for (const pair of this.pairs) pair.reset()
    await closed
    await emptied
  }
}
