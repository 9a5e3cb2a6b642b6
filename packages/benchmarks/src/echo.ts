/** Real TCP: an echo server in a process of its own, and its clients. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as net from "node:net"

/** A client that sends requests to an echo server over pooled connections. */
export interface Asking {
  /** Sends the requests of a load, and waits for as many bytes as it sent. */
  readonly run: (load: EchoLoad) => Promise<void>
  readonly close: () => Promise<unknown>
}

export interface EchoLoad {
  readonly borrowers: number
  /** The requests of each borrower, one after another. */
  readonly requests: number
  readonly bytes: number
  /** Called with the milliseconds of each request, including the wait for a connection. */
  readonly took: (millis: number) => void
}

export interface EchoSubject {
  readonly name: string
  readonly from: string
  /** Whether each request opens a connection. A system allows only a limited number of these per minute. */
  readonly connects?: boolean
  readonly open: (port: number, size: number) => Promise<Asking>
}

const server = `
  require("node:net").createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {})
    socket.pipe(socket)
  }).listen(0, "127.0.0.1", function() { console.log(this.address().port) })
  process.stdin.resume().on("end", () => process.exit())
`

/** Runs the body with a server, and stops the server afterwards. */
export const withServer = async <A>(body: (port: number) => Promise<A>): Promise<A> => {
  const child: ChildProcess = spawn(process.execPath, ["-e", server], { stdio: ["pipe", "pipe", "inherit"] })
  try {
    const [port] = await once(child.stdout!, "data")
    return await body(Number(port))
  } finally {
    child.kill("SIGKILL")
  }
}

/** A simple connection, written by hand: one request at a time, no timeout, no checks. */
export class Line {
  private missing = 0
  private answered: (() => void) | undefined = undefined
  private readonly socket: net.Socket

  /** With `onread`, Node writes what it reads into one buffer, without a stream and its events. */
  private constructor(port: number, reads: "data" | "onread") {
    const options = { port, host: "127.0.0.1", noDelay: true }
    if (reads === "data") {
      this.socket = net.connect(options).on("data", ({ length }) => this.received(length))
    } else {
      const callback = (length: number) => this.received(length)
      this.socket = net.connect({ ...options, onread: { buffer: new Uint8Array(65_536), callback } })
    }
  }

  static async connect(port: number, reads: "data" | "onread" = "data"): Promise<Line> {
    const line = new Line(port, reads)
    await once(line.socket, "connect")
    return line
  }

  private received(length: number): boolean {
    this.missing -= length
    if (this.missing === 0) this.answered?.()
    else if (this.missing < 0) throw new Error(`the server sent ${-this.missing} bytes too many`)
    return true
  }

  ask(data: Uint8Array, answered: () => void): void {
    this.missing = data.length
    this.answered = answered
    this.socket.write(data)
  }

  close(): void {
    this.socket.destroy()
  }
}
