/** Real TCP: a server in a process of its own that sends back what it gets, and who asks it. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as net from "node:net"

/** Something that asks an echo server over pooled connections. */
export interface Asking {
  /** Sends so many bytes and waits until as many have come back. */
  readonly run: (load: EchoLoad) => Promise<void>
  readonly close: () => Promise<unknown>
}

export interface EchoLoad {
  readonly borrowers: number
  /** How many requests each of them makes, one after another. */
  readonly requests: number
  readonly bytes: number
  /** Hears how many milliseconds each request took, the wait for a connection included. */
  readonly took: (millis: number) => void
}

export interface EchoSubject {
  readonly name: string
  readonly from: string
  /** Whether each request costs a connection, of which a system has only so many in a while. */
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

/** Starts the server, and stops it. */
export const withServer = async <A>(body: (port: number) => Promise<A>): Promise<A> => {
  const child: ChildProcess = spawn(process.execPath, ["-e", server], { stdio: ["pipe", "pipe", "inherit"] })
  try {
    const [port] = await once(child.stdout!, "data")
    return await body(Number(port))
  } finally {
    child.kill("SIGKILL")
  }
}

/** A connection as somebody writes it by hand who trusts everybody: one question at a time, no timeout. */
export class Line {
  private missing = 0
  private answered: (() => void) | undefined = undefined

  private constructor(private readonly socket: net.Socket) {
    socket.on("data", (chunk) => {
      this.missing -= chunk.length
      if (this.missing === 0) this.answered?.()
      else if (this.missing < 0) throw new Error(`${-this.missing} bytes more than were asked for`)
    })
  }

  static async connect(port: number): Promise<Line> {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true })
    await once(socket, "connect")
    return new Line(socket)
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
