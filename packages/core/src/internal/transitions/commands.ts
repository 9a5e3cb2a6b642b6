/** The commands that transitions return. */
import type { Command } from "../state.js"

export type Commands<C> = ReadonlyArray<Command<C>>

export const nothing: Commands<never> = []

/** One after the other; nothing is copied where nothing has to be joined. */
export const both = <C>(first: Commands<C>, second: Commands<C>): Commands<C> =>
  first.length === 0 ? second : second.length === 0 ? first : [...first, ...second]
