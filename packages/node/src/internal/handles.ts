/** The connections that borrowers of sockets hold: a `Connection` plus addresses, raw socket and TLS details. */
import type { TcpAddress, UnixAddress } from "@effect/platform/SocketServer"
import type { Address } from "@socketpool/core/Connection"
import { TransportConnection } from "@socketpool/core/TransportSession"
import * as Option from "effect/Option"
import type * as net from "node:net"
import type * as tls from "node:tls"
import type { TcpConnection } from "../TcpConnection.js"
import type { TlsConnection } from "../TlsConnection.js"
import type { UnixConnection } from "../UnixConnection.js"
import type { NetSession } from "./dial.js"
import type { NetTransport } from "./netTransport.js"

/** A leased connection over a socket. `A` is the type of its addresses. */
abstract class SocketHandle<S extends net.Socket, A extends Address> extends TransportConnection<NetTransport<S>> {
  protected abstract get kind(): string

  override get localAddress(): A {
    return super.localAddress as A
  }

  override get remoteAddress(): A {
    return super.remoteAddress as A
  }

  get socket(): S {
    return this.transport.socket
  }

  override toJSON(): unknown {
    return { ...super.toJSON() as object, _id: `@socketpool/node/${this.kind}` }
  }
}

export class TcpHandle extends SocketHandle<net.Socket, TcpAddress> implements TcpConnection {
  static readonly of = (session: NetSession<TcpHandle>): TcpHandle => new TcpHandle(session)

  protected get kind(): string {
    return "TcpConnection"
  }
}

export class TlsHandle extends SocketHandle<tls.TLSSocket, TcpAddress> implements TlsConnection {
  static readonly of = (session: NetSession<TlsHandle, tls.TLSSocket>): TlsHandle => new TlsHandle(session)

  protected get kind(): string {
    return "TlsConnection"
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
}

export class UnixHandle extends SocketHandle<net.Socket, UnixAddress> implements UnixConnection {
  static readonly of = (session: NetSession<UnixHandle>): UnixHandle => new UnixHandle(session)

  protected get kind(): string {
    return "UnixConnection"
  }
}
