const DECODER = new TextDecoder()
const MAX_BYTES = 1000

// Control characters, surrogates and what is not assigned; U+FFFD is what the decoder makes of no UTF-8.
const UNREADABLE = /[\p{C}\uFFFD]/u

/**
 * What a peer says in words, for a message that people read: one line, of at most 1000 bytes.
 *
 * @returns undefined where it says nothing, or what is no text
 */
export function peerText(bytes: Uint8Array): string | undefined {
  const text = DECODER.decode(bytes.subarray(0, MAX_BYTES))
  return text === '' || UNREADABLE.test(text) ? undefined : text
}
