/** Options that come from a configuration. */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import { optional, record, secret } from "./rules.js"
import type { Rule, Table } from "./table.js"

/**
 * A `Config`, or an object of such, as `Config.unwrap` takes it. Something else may be the secret itself, so that it is
 * not shown.
 */
const configured: Rule<unknown> = secret((value, at) => {
  if (Config.isConfig(value)) return value
  const rule = "a Config, or an object of Configs"
  const parts = record(configured, rule)(value, at)
  return Object.keys(parts).length === 0 ? at.refuse(value, rule) : parts
})

export const optionsOf = <O extends object>(
  of: string,
  table: Table<any>,
  config: Config.Config.Wrap<O>
): Effect.Effect<O, ConfigError.ConfigError> =>
  Effect.suspend(() => {
    if (Config.isConfig(config)) return config as Config.Config<any>
    const given = Object.entries(table.each(optional(configured)).read(of, config))
      .filter(([, value]) => value !== undefined)
    return Config.unwrap<object>(Object.fromEntries(given) as any) as Config.Config<any>
  })
