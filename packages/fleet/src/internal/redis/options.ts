/** The options of a budget in Redis. */
import { rules } from "@socketpool/core/Checks"
import type { RedisClient } from "@socketpool/redis/RedisClient"
import { table as common } from "../options.js"

const { flag, having, orElse } = rules

export const table = common.with({
  client: having<RedisClient>("a client of @socketpool/redis", "script", "subscribe", "command"),
  warmStart: orElse(flag, false)
})
