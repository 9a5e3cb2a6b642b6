/** Tells a frame that cannot be sent from one that can. */

/** The result of an encoder may come from another realm, and an error from another copy of this package. */
export const isFramingError = <E extends { readonly _tag: "FramingError" }>(encoded: unknown): encoded is E =>
  typeof encoded === "object" && encoded !== null && "_tag" in encoded && encoded._tag === "FramingError"
