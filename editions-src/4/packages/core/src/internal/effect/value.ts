/** The seam to Effect: values. */
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"

export type DurationInput = Duration.Input

export const isoOf = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))

/** Whether `Equal.equals` compares a value with others by more than identity: in Effect 4, every object. */
export const isComparable = (value: unknown): boolean => typeof value === "object" && value !== null
