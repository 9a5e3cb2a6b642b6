/** The text of an error as everybody may read it who can read the dashboard. */

/** The longest text, in characters: a connector's message has no limit of its own. */
const maxLength = 300
/** The most characters that are searched, because the search takes longer than the text grows. */
const maxSearched = 4_000

/** Hides the user and the password of URLs, which connectors like to repeat, and shortens the text. */
export const errorText = (text: string): string => {
  // Up to the last @, because a password that is not escaped can contain one, and also slashes.
  const masked = text.slice(0, maxSearched).replace(/:\/\/\S*@/g, "://***@")
  return masked.length > maxLength ? `${masked.slice(0, maxLength - 1)}…` : masked
}
