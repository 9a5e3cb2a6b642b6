/**
 * Text as bytes and back. Every runtime has these two of the WHATWG Encoding standard; core uses no runtime's types.
 */
declare const TextEncoder: new() => { readonly encode: (text: string) => Uint8Array }
declare const TextDecoder: new() => { readonly decode: (bytes: Uint8Array) => string }

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const encode = (text: string): Uint8Array => encoder.encode(text)

/** Replaces invalid UTF-8 by U+FFFD. */
export const decode = (bytes: Uint8Array): string => decoder.decode(bytes)
