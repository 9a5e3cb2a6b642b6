import type { Connection } from "../setup.js"

export const isAlive = (connection: Connection): boolean => connection.alive

export const thrower = (): never => {
  throw new Error("thrown by a hook")
}
