/** PostgreSQL's SQL. The compiler of `@effect/sql-pg`, without its dependency on another pool. */
import * as Statement from "@effect/sql/Statement"
import { type JsonSegment, jsonValue } from "../effect.js"

const escape = Statement.defaultEscape("\"")

export const makeCompiler = (transform?: (name: string) => string, transformJson = true): Statement.Compiler => {
  const transformed = transformJson && transform !== undefined
    ? Statement.defaultTransforms(transform).value
    : (value: unknown) => value
  return Statement.makeCompiler<JsonSegment>({
    dialect: "pg",
    placeholder: (index) => `$${index}`,
    onIdentifier: (name, withoutTransform) =>
      escape(withoutTransform || transform === undefined ? name : transform(name)),
    onRecordUpdate: (placeholders, alias, columns, values, returning) => [
      `(values ${placeholders}) AS ${alias}${columns}${returning === undefined ? "" : ` RETURNING ${returning[0]}`}`,
      returning === undefined ? values.flat() : values.flat().concat(returning[1])
    ],
    onCustom: (segment, placeholder, withoutTransform) => [
      placeholder(undefined),
      [withoutTransform ? jsonValue(segment) : transformed(jsonValue(segment))]
    ]
  })
}
