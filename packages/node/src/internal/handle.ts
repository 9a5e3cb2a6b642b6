/** What a holder has in hand: a connection for one lease, worthless afterwards. */
import type { TcpAddress } from "@effect/platform/SocketServer"
import type { Address } from "@socketpool/core/Connection"
import { ConnectionError } from "@socketpool/core/ConnectionError"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import type * as net from "node:net"
import type { TcpConnection } from "../TcpConnection.js"
import { atMost, type Demand, exactly, until } from "./demand.js"
import type { Failure, PulledSocket, Reader, ReadResult, Writer } from "./pulledSocket.js"

const encoder = new TextEncoder()

export const defaultMaxBytes = 1024
export const defaultMaxFrame = 65_536

/** A socket and the one handle that may use it. */
export class Line {
  holder: Handle | undefined = undefined
  localAddress: TcpAddress = { _tag: "TcpAddress", hostname: "", port: 0 }
  remoteAddress: TcpAddress

  constructor(
    readonly pulled: PulledSocket,
    readonly address: string,
    peer: { readonly host: string; readonly port: number },
    /** How long one operation may take, in milliseconds. */
    readonly timeout: number
  ) {
    this.remoteAddress = { _tag: "TcpAddress", hostname: peer.host, port: peer.port }
  }

  /** Notes both ends as the system knows them, once there is a connection. */
  connected(): void {
    const { localAddress, localPort, remoteAddress, remotePort } = this.pulled.socket
    if (localAddress !== undefined && localPort !== undefined) {
      this.localAddress = { _tag: "TcpAddress", hostname: localAddress, port: localPort }
    }
    if (remoteAddress !== undefined && remotePort !== undefined) {
      this.remoteAddress = { _tag: "TcpAddress", hostname: remoteAddress, port: remotePort }
    }
  }

  /** A handle of its own for the next holder; the one before can do nothing any more. */
  lend(): Handle {
    this.pulled.hold()
    this.holder = new Handle(this)
    return this.holder
  }

  /** Takes the handle back and stands guard over the socket. */
  park(): void {
    this.takeBack()
    this.pulled.guard()
  }

  /** All output so far has gone, or never will. */
  readonly sent: Effect.Effect<void> = Effect.async((resume) => this.pulled.whenSent(() => resume(Effect.void)))

  /** Completes when nothing can be read or written any more. */
  readonly failed: Effect.Effect<void> = Effect.async((resume) => {
    const cancel = this.pulled.whenFailed(() => resume(Effect.void))
    return Effect.sync(cancel)
  })

  takeBack(): void {
    this.holder = undefined
    this.pulled.revoke()
  }
}

export class Handle implements TcpConnection {
  readonly line: Line

  constructor(line: Line) {
    this.line = line
  }

  send(data: Uint8Array | string): Effect.Effect<void, ConnectionError> {
    return Effect.suspend(() => {
      const { pulled } = this.line
      const unfit = this.unfit(pulled.failure)
      if (unfit !== undefined) return Effect.fail(this.error("write", unfit))
      if (data.length === 0) return Effect.void
      const written = pulled.canWrite
      if (written && pulled.writeNow(data)) return Effect.void
      return this.inTime("write", this.waitToWrite(data, written))
    })
  }

  recv(maxBytes: number = defaultMaxBytes): Effect.Effect<Uint8Array, ConnectionError> {
    return Effect.suspend(() => this.read(atMost(count("recv", "maxBytes", maxBytes, 1))))
  }

  recvExactly(bytes: number): Effect.Effect<Uint8Array, ConnectionError> {
    return Effect.suspend(() => this.read(exactly(count("recvExactly", "bytes", bytes, 0))))
  }

  recvUntil(
    delimiter: Uint8Array | string,
    options: { readonly maxBytes?: number } = {}
  ): Effect.Effect<Uint8Array, ConnectionError> {
    return Effect.suspend(() => {
      const bytes = typeof delimiter === "string" ? encoder.encode(delimiter) : delimiter
      if (bytes.length === 0) throw new RangeError("recvUntil: delimiter must not be empty")
      return this.read(until(bytes, count("recvUntil", "maxBytes", options.maxBytes ?? defaultMaxFrame, bytes.length)))
    })
  }

  get closed(): Effect.Effect<void> {
    return Effect.async((resume) => {
      const cancel = this.line.pulled.whenClosed(() => resume(Effect.void))
      return Effect.sync(cancel)
    })
  }

  get isConnected(): boolean {
    return this.line.holder === this && this.line.pulled.isOpen
  }

  get localAddress(): TcpAddress & Address {
    return this.line.localAddress
  }

  get remoteAddress(): TcpAddress & Address {
    return this.line.remoteAddress
  }

  get socket(): net.Socket {
    if (this.line.holder !== this) throw this.error("read", "Released")
    return this.line.pulled.socket
  }

  private read(demand: Demand): Effect.Effect<Uint8Array, ConnectionError> {
    if (this.line.holder !== this) return Effect.fail(this.error("read", "Released"))
    const result = this.line.pulled.tryRead(demand)
    return result === undefined ? this.inTime("read", this.waitToRead(demand)) : this.readResult(result)
  }

  private waitToRead(demand: Demand): Effect.Effect<Uint8Array, ConnectionError> {
    return Effect.async((resume) => {
      // The fiber may have stepped aside since it looked, and the connection may be somebody else's by now.
      if (this.line.holder !== this) return resume(Effect.fail(this.error("read", "Released")))
      const { pulled } = this.line
      const reader: Reader = { demand, done: (result) => resume(this.readResult(result)) }
      pulled.read(reader)
      // Run on an interrupt even if the bytes were on their way to this fiber: then they are lost to it.
      return Effect.sync(() => pulled.abandonRead(reader))
    })
  }

  private waitToWrite(data: Uint8Array | string, written: boolean): Effect.Effect<void, ConnectionError> {
    return Effect.async((resume) => {
      if (this.line.holder !== this) return resume(Effect.fail(this.error("write", "Released")))
      const { pulled } = this.line
      const writer: Writer = {
        data,
        written,
        done: (failure) => resume(failure === undefined ? Effect.void : Effect.fail(this.error("write", failure)))
      }
      pulled.write(writer)
      return Effect.sync(() => pulled.abandonWrite(writer))
    })
  }

  private readResult(result: ReadResult): Effect.Effect<Uint8Array, ConnectionError> {
    return result instanceof Uint8Array ? Effect.succeed(result) : Effect.fail(this.error("read", result))
  }

  private unfit(failure: Failure | undefined): Failure | "Released" | undefined {
    return this.line.holder === this ? failure : "Released"
  }

  private error(operation: "read" | "write", why: Failure | "TooLarge" | "Released"): ConnectionError {
    const failure = typeof why === "string" ? { reason: why } : why
    const into = operation === "read" && why !== "Released" ? this.line.pulled.unread : 0
    return new ConnectionError(
      { ...failure, operation, address: this.line.address, ...(into > 0 ? { bytesIntoFrame: into } : {}) },
      { disableValidation: true }
    )
  }

  /** The connection's own deadline for an operation that has to wait. */
  private inTime<A>(
    operation: "read" | "write",
    waiting: Effect.Effect<A, ConnectionError>
  ): Effect.Effect<A, ConnectionError> {
    if (this.line.timeout === Infinity) return waiting
    const tooLate = Effect.suspend(() => Effect.fail(this.error(operation, { reason: "Timeout" })))
    return Effect.raceFirst(
      waiting,
      Effect.sleep(this.line.timeout).pipe(Effect.andThen(oneTurn), Effect.andThen(tooLate))
    )
  }

  toJSON(): unknown {
    return { _id: "@socketpool/node/TcpConnection", address: this.line.address, isConnected: this.isConnected }
  }

  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

/** After a stall of the event loop timers ring before what has long arrived is read; this lets it be read first. */
const oneTurn = Effect.async<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

const count = (method: string, name: string, value: number, least: number): number => {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new RangeError(`${method}: ${name} must be a whole number of at least ${least}, but is ${value}`)
}
