/** The seam to Effect: values. */
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"

export type DurationInput = Duration.DurationInput

export const isoOf = (millis: number): string => DateTime.formatIso(DateTime.unsafeMake(millis))
