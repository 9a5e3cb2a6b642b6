/**
 * Checks of options and arguments, as all constructors of this library make them. Use them for constructors of your
 * own, so that their users get the same errors.
 *
 * A wrong value throws a `RangeError` that names the option, the value and the rule. A secret is shown as `<redacted>`.
 *
 * @since 3.0.0
 */
import { line as lineOf } from "./internal/text.js"

export {
  /**
   * Reads options from a configuration: a `Config` of all, or an object of `Config`s, as the argument of `layerConfig`
   * is one. A name without a rule in the table is refused. The values still have to be checked: give them to the
   * constructor, which reads the table.
   *
   * @example
   * ```ts
   * import { Checks } from "@socketpool/core"
   * import { Config, Effect } from "effect"
   *
   * interface Options {
   *   readonly database: number
   * }
   *
   * const table = new Checks.Table({ database: Checks.rules.count(0, 15) })
   *
   * const make = (options: Options) => Effect.sync(() => table.read("Cache.make", options))
   *
   * const makeConfig = (config: Config.Config.Wrap<Options>) =>
   *   Effect.flatMap(Checks.optionsOf<Options>("Cache.makeConfig", table, config), make)
   * ```
   *
   * @since 3.0.0
   * @category advanced
   */
  optionsOf
} from "./checks/config.js"
export {
  /**
   * Checks an argument that is no object of options. Returns the checked value.
   *
   * @example
   * ```ts
   * import { Checks } from "@socketpool/core"
   *
   * const select = (database: number) => `SELECT ${Checks.argument("Redis.select", "database", Checks.rules.count(0), database)}`
   * ```
   *
   * @since 3.0.0
   * @category advanced
   */
  argument,
  /**
   * The place of a value: the constructor and the option. A rule refuses a value with it.
   *
   * @since 3.0.0
   * @category models
   */
  Place,
  /**
   * The options of one constructor, with a rule for each. `read` refuses a name that has no rule, and takes the
   * object's own properties and those of its class, each once. `Object.prototype` sets no option.
   *
   * @example
   * ```ts
   * import { Checks } from "@socketpool/core"
   *
   * const { optional, orElse } = Checks.rules
   *
   * const options = new Checks.Table({
   *   database: orElse(Checks.rules.count(0, 15), 0),
   *   clientName: optional(Checks.rules.name)
   * })
   *
   * const { database } = options.read("Redis.make", { clientName: "orders" }) // 0
   * ```
   *
   * @since 3.0.0
   * @category advanced
   */
  Table
} from "./checks/table.js"
export type {
  /**
   * One rule for each option of an interface. Use it with `satisfies`, so that the compiler misses no row.
   *
   * @since 3.0.0
   * @category models
   */
  Rows,
  /**
   * Returns the checked value, or refuses it. An omitted option is `undefined`; `null` is a value like any other.
   *
   * @since 3.0.0
   * @category models
   */
  Rule
} from "./checks/table.js"
/**
 * The rules: `count`, `duration`, `flag`, `callback`, `name`, `host`, `oneOf`, `list` and others. `optional` and `orElse`
 * allow an option to be left out, and `secret` keeps its value out of messages. A rule of your own is a function.
 *
 * @example
 * ```ts
 * import { Checks } from "@socketpool/core"
 *
 * const even: Checks.Rule<number> = (value, at) =>
 *   typeof value === "number" && value % 2 === 0 ? value : at.refuse(value, "an even number")
 *
 * const options = new Checks.Table({
 *   seats: even,
 *   open: Checks.rules.optional(Checks.rules.duration("more than 0"))
 * })
 * ```
 *
 * @since 3.0.0
 * @category advanced
 */
export * as rules from "./checks/rules.js"

/**
 * Makes text that others wrote fit into a line of a message: characters that steer a terminal, end a line, reorder text
 * or cannot be seen become escapes, the passwords of URLs are masked, and the text is cut after `most` characters.
 * Default: 300. Use it for what a server says in an error of your own.
 *
 * @example
 * ```ts
 * import { Checks } from "@socketpool/core"
 *
 * const messageOf = (answer: string) => `The server refused: ${Checks.line(answer)}`
 * ```
 *
 * @since 3.0.0
 * @category advanced
 */
export const line = (text: string, most?: number): string => lineOf(text, most)
