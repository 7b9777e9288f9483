import { DmaBufError } from '../core/errors.js'
import type { Words } from './words.js'

/** How large a member's page is. All pages of one peering group have the same shape. */
export interface MemberShape {
  /** Fence slots, 1 to MAX_SLOTS. */
  readonly slots: number
  /** Buffers with a shared lock and a fence list, 0 to MAX_MEMBER_BUFFERS. */
  readonly buffers: number
  /** Blocks of watch words: one for each member whose slots this one may watch, 1 to MAX_MEMBERS. */
  readonly members: number
}

export const MAX_SLOTS = 65536
export const MAX_MEMBER_BUFFERS = 1024
export const MAX_MEMBERS = 32

export const MEMBER_MAGIC = 0x424d4d44 // 'DMMB'
export const MEMBER_VERSION = 1

// A member's page, written by that member only. Words of its header:
export const MEMBER_SLOTS = 2
export const MEMBER_BUFFERS = 3
export const MEMBER_MEMBERS = 4
/** Of the hub only: rises whenever the set of members or buffers changes. */
export const MEMBER_EPOCH = 8
/** Not 0 once the member leaves of its own will: its end is no death then. */
export const MEMBER_LEFT = 10
/** Not 0 while a thread of the member sleeps in a futex. */
export const MEMBER_SLEEPS = 9
/** A counter: changes of slots so far. The entry of change n (from 0) is word n % LOG_ENTRIES of the log. */
export const MEMBER_LOG = 16

const HEADER_WORDS = 256

/** Entries of the change log: each the index of a slot that changed. */
export const LOG_ENTRIES = 256

/** Words of a buffer's lock: state, stamp low, stamp high, spare. */
export const LOCK_WORDS = 4
export const LOCK_STATE = 0
export const LOCK_STAMP = 1

/**
 * Words of a buffer's fence list: a version whose low bit names the half that counts, how many entries each
 * half has, spare words, and the entries of both halves.
 */
export const LIST_WORDS = 176
export const LIST_VERSION = 0
/** The count of half h is word LIST_COUNT + h. */
export const LIST_COUNT = 1
export const LIST_ENTRIES = 16
/** Own fences that a list may hold. */
export const MAX_LIST_ENTRIES = 16
/** Words of an entry: slot, its generation, seqno low, seqno high, usage. */
export const LIST_ENTRY_WORDS = 5

/** Words of a fence slot. */
export const SLOT_WORDS = 16
/** 0 never used; above 0 in use; below 0 closed, or about to be. */
export const SLOT_GENERATION = 0
/** 0 while it goes on; otherwise what the seqno after the counter failed with. */
export const SLOT_ERRNO = 1
/** A counter: the highest seqno that was signalled without error. */
export const SLOT_COUNTER = 2
/** With an errno: 1 + the slot in which the timeline goes on, 0 where it has ended. */
export const SLOT_NEXT = 4
/** The generation of that slot. */
export const SLOT_NEXT_GENERATION = 5

/** The last generation; the one after it is 1. */
export const MAX_GENERATION = 0x7fffffff

/** Words that a member has for each slot that it may watch. */
export const WATCH_WORDS = 2
/** The generation that is being looked at, which keeps the slot from being used again; 0 none. */
export const WATCH_HAZARD = 0
/** At which seqno to ring, as wishOf() has it; 0 never. */
export const WATCH_WISH = 1

/** Where the parts of a page are, in words. */
export class MemberLayout {
  readonly shape: MemberShape
  /** Of the whole page, as a length that can be mapped. */
  readonly lengthBytes: number
  readonly log = HEADER_WORDS
  readonly #locks: number
  readonly #lists: number
  readonly #slots: number
  readonly #watches: number

  /** @throws {RangeError} for a shape outside the limits */
  constructor(shape: MemberShape) {
    const { slots, buffers, members } = shape
    checkCount('slots', slots, [1, MAX_SLOTS])
    checkCount('buffers', buffers, [0, MAX_MEMBER_BUFFERS])
    checkCount('members', members, [1, MAX_MEMBERS])
    this.shape = { slots, buffers, members }
    this.#locks = HEADER_WORDS + LOG_ENTRIES
    this.#lists = this.#locks + roundUp(buffers * LOCK_WORDS, SLOT_WORDS)
    this.#slots = this.#lists + buffers * LIST_WORDS
    this.#watches = this.#slots + slots * SLOT_WORDS
    this.lengthBytes = roundUp((this.#watches + members * slots * WATCH_WORDS) * 4, 4096)
  }

  /** The first word of a buffer's lock. */
  lockAt(buffer: number): number {
    return this.#locks + buffer * LOCK_WORDS
  }

  /** The first word of a buffer's fence list. */
  listAt(buffer: number): number {
    return this.#lists + buffer * LIST_WORDS
  }

  /** The first word of a fence slot. */
  slotAt(slot: number): number {
    return this.#slots + slot * SLOT_WORDS
  }

  /** The first of the words in which a member says what it wants of the slot of another. */
  watchAt(block: number, slot: number): number {
    return this.#watches + (block * this.shape.slots + slot) * WATCH_WORDS
  }
}

/** The first word of an entry of one half of the fence list that begins at `list`. */
export function listEntryAt(list: number, half: number, entry: number): number {
  return list + LIST_ENTRIES + (half * MAX_LIST_ENTRIES + entry) * LIST_ENTRY_WORDS
}

/** Makes zeroed words a member's page; its magic is stored last. */
export function initMemberPage(words: Words, { shape }: MemberLayout): void {
  words.write(MEMBER_SLOTS, shape.slots)
  words.write(MEMBER_BUFFERS, shape.buffers)
  words.write(MEMBER_MEMBERS, shape.members)
  words.store(1, MEMBER_VERSION)
  words.store(0, MEMBER_MAGIC)
}

/**
 * Makes sure that another's words are a page of the shape that was agreed upon.
 *
 * @throws {DmaBufError} EPROTO, saying what is wrong
 */
export function checkMemberPage(words: Words, { shape, lengthBytes }: MemberLayout): void {
  if (words.length * 4 < lengthBytes)
    refuse(`a member page of ${words.length * 4} bytes, too small for ${lengthBytes}`)
  if (words.load(0) !== MEMBER_MAGIC) refuse('a page that is no member page')
  const version = words.load(1)
  if (version !== MEMBER_VERSION)
    refuse(`a member page of version ${version}, this is version ${MEMBER_VERSION}`)
  const slots = words.load(MEMBER_SLOTS)
  const buffers = words.load(MEMBER_BUFFERS)
  const members = words.load(MEMBER_MEMBERS)
  if (slots !== shape.slots || buffers !== shape.buffers || members !== shape.members)
    refuse(`a member page for ${slots} slots, ${buffers} buffers and ${members} members`)
}

function refuse(what: string): never {
  throw new DmaBufError('EPROTO', 'receive', `The peer sent ${what}`)
}

function checkCount(what: string, count: number, [least, most]: readonly [number, number]): void {
  if (!Number.isSafeInteger(count) || count < least || count > most)
    throw new RangeError(`A member page has ${least} to ${most} ${what}: ${count}`)
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple
}
