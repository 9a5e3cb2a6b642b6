/**
 * A `net.Socket` as a transport. Its listeners stay attached for the socket's whole life: without one for `error`, an
 * error would end the process.
 */
import type { Address } from "@socketpool/core/Connection"
import type { Failure, Receiver, Transport } from "@socketpool/core/Transport"
import type * as net from "node:net"

/**
 * The longest that a close waits for unsent output and for the peer's FIN. Real time, because the peer has no other.
 */
const lingerMillis = 1_000

/** The same for a connection whose place a borrower may be waiting for. */
const quickLingerMillis = 50

/** Calls back once all bytes that had arrived have been read. Returns a function that cancels this. */
export const afterPoll = (done: () => void): () => void => {
  const immediate = setImmediate(done)
  return () => clearImmediate(immediate)
}

/**
 * The one buffer into which all sockets read. Bytes are copied out before the next read. Node reads this many at most.
 */
const readInto = new Uint8Array(65_536)

/**
 * A socket's `onread`: receives its bytes directly. The socket's stream would allocate 64 KiB for every read, and take
 * as long again to pass them on.
 */
export class Intake implements net.OnReadOpts {
  readonly buffer = readInto
  receive: (chunk: Uint8Array) => void = () => {}

  readonly callback = (bytes: number): boolean => {
    this.receive(readInto.slice(0, bytes))
    return true
  }
}

export class NetTransport<S extends net.Socket = net.Socket> implements Transport {
  localAddress: Address
  remoteAddress: Address
  private corked = false
  private detached = false
  private receiver: Receiver | undefined = undefined

  constructor(
    readonly socket: S,
    /** The peer, as errors name it. */
    readonly address: string,
    peer: Address,
    /** Delivers the socket's bytes. Without it they arrive through the stream's `data` events. */
    private readonly intake?: Intake,
    /** The socket that the bytes travel on: under TLS, the one below. */
    private readonly wire: net.Socket = socket
  ) {
    this.localAddress = peer._tag === "UnixAddress"
      ? { _tag: "UnixAddress", path: "" }
      : { ...peer, hostname: "", port: 0 }
    this.remoteAddress = peer
  }

  start(receiver: Receiver): void {
    const { intake, socket } = this
    this.receiver = receiver
    if (intake === undefined) socket.on("data", receiver.data)
    else intake.receive = receiver.data
    socket.on("end", receiver.ended)
    socket.on("error", (error: NodeJS.ErrnoException) => receiver.failed(failureOf(error)))
    socket.on("drain", receiver.drained)
    socket.on("close", receiver.closed)
  }

  /** Records the addresses of both ends once the socket is connected. The ends of a Unix socket have no other names. */
  connected(): void {
    const { localAddress, localPort, remoteAddress, remotePort } = this.socket
    if (localAddress !== undefined && localPort !== undefined) {
      this.localAddress = { _tag: "TcpAddress", hostname: localAddress, port: localPort }
    }
    if (remoteAddress !== undefined && remotePort !== undefined) {
      this.remoteAddress = { _tag: "TcpAddress", hostname: remoteAddress, port: remotePort }
    }
  }

  /** Leaves the socket to another owner. */
  detach(): void {
    this.detached = true
    const { intake, receiver, socket } = this
    if (intake !== undefined) intake.receive = () => {}
    if (receiver === undefined) return
    socket.off("data", receiver.data)
    socket.off("end", receiver.ended)
    socket.off("drain", receiver.drained)
  }

  get isOpen(): boolean {
    return !this.socket.destroyed
  }

  /**
   * Sends all writes of one turn in one system call. The socket stays corked until the turn ends or it is full; the
   * system mostly has room for that.
   */
  write(data: Uint8Array | string): boolean {
    const { socket } = this
    if (!this.corked) {
      this.corked = true
      socket.cork()
      process.nextTick(uncork, this)
    }
    if (socket.write(data)) return true
    this.uncork()
    return !this.isFull
  }

  /** Gathers nothing, which costs less. It comes after what the turn has gathered before. */
  writeLast(data: Uint8Array | string): boolean {
    return this.socket.write(data) || !this.isFull
  }

  /** Called at the end of the turn. */
  uncork(): void {
    if (!this.corked) return
    this.corked = false
    this.socket.uncork()
  }

  get isFull(): boolean {
    const { socket } = this
    return socket.writableNeedDrain && socket.writableLength >= socket.writableHighWaterMark
  }

  flushNow(): boolean {
    this.uncork()
    return this.socket.writableLength === 0
  }

  flush(done: () => void): void {
    this.uncork()
    // Writes complete in order, so an empty one completes after all earlier ones, even if they fail.
    this.socket.write(new Uint8Array(0), () => done())
  }

  hold(back: boolean): void {
    const { socket } = this
    if (back === socket.isPaused()) return
    if (back) socket.pause()
    else socket.resume()
  }

  get hasUnread(): boolean {
    return this.socket.readableLength > 0
  }

  shutdown(): void {
    this.socket.end()
  }

  catchUp(done: () => void): () => void {
    return afterPoll(done)
  }

  /** Lets the process exit while the socket is idle. */
  setIdle(idle: boolean): void {
    if (idle) this.socket.unref()
    else this.socket.ref()
  }

  /**
   * Closes the socket. An orderly close sends the remaining output and a FIN, and waits for the peer's FIN, so that the
   * server never counts more connections than the pool. After a time it stops waiting: after `lingerMillis`, or sooner
   * if the close has to be quick. Then a reset makes the peer's system forget the connection.
   */
  close(how: "Orderly" | "Quickly" | "AtOnce", done: () => void): void {
    const { socket } = this
    if (socket.closed) return done()
    if (how === "AtOnce" || this.detached || socket.connecting || socket.pending) {
      socket.once("close", done)
      socket.destroy()
    } else {
      const stop = () => {
        // Node never closes a socket that it resets while the FIN is on its way.
        if (how === "Quickly" && socket.writableFinished && canReset(this.wire)) this.wire.resetAndDestroy()
        socket.destroy()
      }
      let stopCatchingUp = () => {}
      const timer = setTimeout(
        // After a stall the timer fires before the end is sent, or the peer's end is seen.
        () => stopCatchingUp = afterPoll(stop),
        how === "Quickly" ? quickLingerMillis : lingerMillis
      )
      socket.once("close", () => {
        clearTimeout(timer)
        stopCatchingUp()
        done()
      })
      socket.end()
    }
  }
}

/** Only TCP knows resets. A Unix socket, whose ends have no addresses, tells its peer at once anyway. */
const canReset = (socket: net.Socket): boolean =>
  !socket.destroyed && !socket.connecting && socket.remoteAddress !== undefined &&
  typeof socket.resetAndDestroy === "function"

const uncork = (transport: NetTransport): void => transport.uncork()

const failureOf = (error: NodeJS.ErrnoException): Failure => ({
  reason: error.code === "ETIMEDOUT" ? "Timeout" : "Reset",
  ...(error.code === undefined ? {} : { code: error.code })
})
