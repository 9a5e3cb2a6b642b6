/** The peer in the text of errors. */
import type { Address } from "../../Connection.js"

export const addressOf = (address: Address): string => {
  if (address._tag === "UnixAddress") return address.path
  const { hostname, port } = address
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`
}
