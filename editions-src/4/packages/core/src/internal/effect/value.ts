/** The seam to Effect: values. */
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"

export type DurationInput = Duration.Input

export const isoOf = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))
