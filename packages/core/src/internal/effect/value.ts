/** The seam to Effect: values. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"

export type DurationInput = Duration.DurationInput

export const isDuration: (value: unknown) => value is Duration.Duration = Duration.isDuration

export const isoOf = (millis: number): string => DateTime.formatIso(DateTime.unsafeMake(millis))
