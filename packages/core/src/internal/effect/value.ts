/** The seam to Effect: values. */
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Equal from "effect/Equal"

export type DurationInput = Duration.DurationInput

export const isoOf = (millis: number): string => DateTime.formatIso(DateTime.unsafeMake(millis))

/** Whether `Equal.equals` compares a value with others by more than identity. */
export const isComparable: (value: unknown) => boolean = Equal.isEqual
