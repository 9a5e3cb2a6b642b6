/** Links from messages to the manual. */

const page = "https://github.com/socketpool/socketpool/blob/main/docs/operate/troubleshooting.md"

const link = new RegExp(` See ${page.replaceAll(".", "\\.")}#[a-z-]+`, "g")

/** Returns the end of a message: a link to the section of an error, or of one of its reasons. */
export const see = (error: string, reason?: string): string =>
  ` See ${page}#${(reason === undefined ? error : `${error}-${reason}`).toLowerCase()}`

/** Removes such links from a message that becomes part of another. */
export const withoutLinks = (message: string): string => message.replaceAll(link, "")
