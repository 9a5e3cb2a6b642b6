/** What holders of sockets get besides a `Connection`. */
import type { TcpAddress, UnixAddress } from "@effect/platform/SocketServer"
import { LeasedConnection } from "@socketpool/core/Transport"
import * as Option from "effect/Option"
import type * as net from "node:net"
import type * as tls from "node:tls"
import type { TcpConnection } from "../TcpConnection.js"
import type { TlsConnection } from "../TlsConnection.js"
import type { UnixConnection } from "../UnixConnection.js"
import type { NetLine } from "./dial.js"
import type { NetTransport } from "./netTransport.js"

class SocketHandle<S extends net.Socket> extends LeasedConnection<NetTransport<S>> {
  get socket(): S {
    return this.transport.socket
  }
}

export class TcpHandle extends SocketHandle<net.Socket> implements TcpConnection {
  static readonly of = (line: NetLine<TcpHandle>): TcpHandle => new TcpHandle(line)

  override get localAddress(): TcpAddress {
    return super.localAddress as TcpAddress
  }

  override get remoteAddress(): TcpAddress {
    return super.remoteAddress as TcpAddress
  }

  override toJSON(): unknown {
    return { ...super.toJSON() as object, _id: "@socketpool/node/TcpConnection" }
  }
}

export class TlsHandle extends SocketHandle<tls.TLSSocket> implements TlsConnection {
  static readonly of = (line: NetLine<TlsHandle, tls.TLSSocket>): TlsHandle => new TlsHandle(line)

  override get localAddress(): TcpAddress {
    return super.localAddress as TcpAddress
  }

  override get remoteAddress(): TcpAddress {
    return super.remoteAddress as TcpAddress
  }

  get alpnProtocol(): Option.Option<string> {
    const { alpnProtocol } = this.socket
    return typeof alpnProtocol === "string" ? Option.some(alpnProtocol) : Option.none()
  }

  get protocol(): string {
    return this.socket.getProtocol() ?? "unknown"
  }

  get isResumed(): boolean {
    return this.socket.isSessionReused()
  }

  override toJSON(): unknown {
    return { ...super.toJSON() as object, _id: "@socketpool/node/TlsConnection" }
  }
}

export class UnixHandle extends SocketHandle<net.Socket> implements UnixConnection {
  static readonly of = (line: NetLine<UnixHandle>): UnixHandle => new UnixHandle(line)

  override get localAddress(): UnixAddress {
    return super.localAddress as UnixAddress
  }

  override get remoteAddress(): UnixAddress {
    return super.remoteAddress as UnixAddress
  }

  override toJSON(): unknown {
    return { ...super.toJSON() as object, _id: "@socketpool/node/UnixConnection" }
  }
}
