/** The connections that borrowers of sockets hold: a `Connection` plus addresses, raw socket and TLS details. */
import type { TcpAddress, UnixAddress } from "@socketpool/core/Connection"
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

type Kind = "TcpConnection" | "TlsConnection" | "UnixConnection"

/** A registered symbol: a program may load this package twice, and use one copy's connection with the other. */
const kind: unique symbol = Symbol.for("@socketpool/node/kind") as any

/** Returns whether a value is a connection over a socket of this kind, of whichever copy of this package. */
export const isOfKind = (connection: object, wanted: Kind): boolean =>
  (connection as { readonly [kind]?: Kind })[kind] === wanted

/** A leased connection over a socket. `A` is the type of its addresses. */
abstract class SocketHandle<S extends net.Socket, A extends Address> extends TransportConnection<NetTransport<S>> {
  abstract get [kind](): Kind

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
    return { ...super.toJSON() as object, _id: `@socketpool/node/${this[kind]}` }
  }
}

export class TcpHandle extends SocketHandle<net.Socket, TcpAddress> implements TcpConnection {
  static readonly of = (session: NetSession<TcpHandle>): TcpHandle => new TcpHandle(session)

  get [kind](): "TcpConnection" {
    return "TcpConnection"
  }
}

export class TlsHandle extends SocketHandle<tls.TLSSocket, TcpAddress> implements TlsConnection {
  static readonly of = (session: NetSession<TlsHandle, tls.TLSSocket>): TlsHandle => new TlsHandle(session)

  get [kind](): "TlsConnection" {
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

  get [kind](): "UnixConnection" {
    return "UnixConnection"
  }
}
