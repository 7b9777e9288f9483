/** Counters of the protocol that a simulation begins near a limit, as `Class#field`. */
export const STARTS: ReadonlySet<string> = new Set(['BellWish#value', 'QueueProducer#published'])
