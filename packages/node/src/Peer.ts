/**
 * A server, as the key of a keyed pool.
 *
 * @since 3.0.0
 */

/**
 * A host name or an IP address, and a port. Two are the same if both are.
 *
 * @since 3.0.0
 * @category models
 */
export interface Peer {
  readonly host: string
  readonly port: number
}
