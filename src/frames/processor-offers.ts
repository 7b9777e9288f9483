/** Offers that may fail in a row before they are made rarely. */
const PATIENCE = 4

/** How many waits go without an offer then, before one is tried again. */
const RARE = 64

/** An offer that took longer helped somebody else more than us. */
const MOST_NS = 100_000

/**
 * Whether to offer the processor to others once before sleeping until the next frame. Where both sides share a
 * processor the frame is there when this side runs again, and nobody has to be woken; where they do not, an offer
 * costs a system call for nothing: so offers are made while they help.
 */
export class ProcessorOffers {
  #patience = PATIENCE
  #waits = 0

  /** Whether to make one now. */
  isDue(): boolean {
    return this.#patience > 0 || ++this.#waits % RARE === 0
  }

  /** One was made: whether there was a frame afterwards, and how long it took. */
  made(helped: boolean, ns: number): void {
    if (helped && ns <= MOST_NS) this.#patience = PATIENCE
    else if (this.#patience > 0) this.#patience--
  }
}
