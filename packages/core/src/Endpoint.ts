/**
 * One of several servers that do the same.
 *
 * @since 3.0.0
 */

/**
 * A server that a pool of endpoints may connect to.
 *
 * @since 3.0.0
 * @category models
 */
export interface Endpoint {
  /** The host name or the IP address to connect to. An IPv6 address may stand in brackets. */
  readonly host: string
  /** The port to connect to, from 1 to 65535. */
  readonly port: number
  /** The part of the load that it takes, compared with other endpoints of its tier. More than 0. Default: 1. */
  readonly weight?: number
  /** Endpoints of a higher tier are used only when those of the lower ones cannot serve. 0 or more. Default: 0. */
  readonly tier?: number
  /** The zone, rack or region that it is in. Default: none. */
  readonly zone?: string
  /**
   * Tells the endpoint apart from all others, also in later sets: one that moves to another address keeps its `id`, or it
   * counts as another endpoint. Default: `host:port`, with an IPv6 address in brackets.
   */
  readonly id?: string
  /**
   * The host name by which a discovery found the address in `host`. Use it as the `servername` of TLS, because a
   * certificate is for a name. Default: none.
   */
  readonly name?: string
}

/**
 * An endpoint whose fields are checked, with the defaults filled in. `host` has no brackets.
 *
 * @since 3.0.0
 * @category models
 */
export interface CompleteEndpoint extends Endpoint {
  readonly weight: number
  readonly tier: number
  readonly id: string
}
