/** Wishes are at most this far ahead: beyond half the range of their 31 bits nobody could say what is ahead. */
const MAX_AHEAD = 2 ** 29
const STEP = MAX_AHEAD / 2

/**
 * The seqno to wish for on the way to another: whoever is rung and still waits, wishes again. It rises in
 * steps, so that it need not be stored anew for each seqno.
 *
 * @param latest - the counter as it was last seen
 */
export function reachable(seqno: number, latest: number): number {
  return Math.min(seqno, (Math.floor(latest / STEP) + 2) * STEP)
}

/** The word that asks to be rung when a counter reaches `seqno`: its low 31 bits and a 1, so never 0. */
export function wishOf(seqno: number): number {
  return doubled(seqno) | 1
}

/** Whether a counter that rose from `before` to `now` reached what was wished for on the way. */
export function isGranted(wish: number, before: number, now: number): boolean {
  if (wish === 0) return false
  if (now - before >= MAX_AHEAD) return true
  // Modulo 2^32: all that counts is less than half of that apart.
  const passed = (wishOf(now) - wish) | 0
  return passed >= 0 && passed < (now - before) * 2
}

// Not a shift of the number itself: it may be longer than 32 bits.
function doubled(seqno: number): number {
  return (seqno % 2 ** 31) * 2
}
