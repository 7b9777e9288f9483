/** A run of addresses with something said of it; it never overlaps another in its tree. */
export interface Extent<V> {
  readonly start: number
  /** The first address behind it. */
  readonly end: number
  readonly value: V
}

interface Node<V> extends Extent<V> {
  readonly weight: number
  left: Node<V> | undefined
  right: Node<V> | undefined
  /** Length of the longest extent in this subtree. */
  longest: number
}

type Tree<V> = Node<V> | undefined

/**
 * Extents in the order of their addresses; each operation takes time in the logarithm of their number.
 *
 * A treap: the random weights come from the tree itself, so that the same calls make the same tree.
 */
export class ExtentTree<V> {
  #root: Tree<V>
  #random = 0x9e3779b9
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The extent with the highest start that is not above an address. */
  floor(address: number): Extent<V> | undefined {
    let found: Tree<V> = undefined
    let node = this.#root
    while (node !== undefined) {
      if (node.start > address) node = node.left
      else {
        found = node
        node = node.right
      }
    }
    return found
  }

  /** Adds an extent that overlaps none. */
  insert(start: number, end: number, value: V): void {
    const weight = this.#nextWeight()
    const node = {
      start,
      end,
      value,
      weight,
      left: undefined,
      right: undefined,
      longest: end - start,
    }
    const [low, high] = split(this.#root, start)
    this.#root = join(join(low, node), high)
    this.#size++
  }

  /** Takes the extent out that begins at an address, where there is one. */
  remove(start: number): void {
    const [low, rest] = split(this.#root, start)
    const [node, high] = split(rest, start + 1)
    this.#root = join(low, high)
    if (node !== undefined) this.#size--
  }

  /**
   * The result of `fit` for the highest extent below `limit`, of at least a length, for which it is not
   * negative; -1 where there is none.
   */
  findHighest(
    lengthBytes: number,
    limit: number,
    fit: (start: number, end: number) => number,
  ): number {
    return findHighest(this.#root, lengthBytes, limit, fit)
  }

  /** All extents, lowest first. */
  *[Symbol.iterator](): Generator<Extent<V>, void> {
    const stack: Node<V>[] = []
    let node = this.#root
    while (node !== undefined || stack.length > 0) {
      while (node !== undefined) {
        stack.push(node)
        node = node.left
      }
      const next: Node<V> = stack.pop()!
      yield next
      node = next.right
    }
  }

  #nextWeight(): number {
    let x = this.#random
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (this.#random = x)
  }
}

function measure<V>(node: Node<V>): Node<V> {
  const left = node.left?.longest ?? 0
  const right = node.right?.longest ?? 0
  node.longest = Math.max(left, right, node.end - node.start)
  return node
}

/** Those that begin below an address, and the others. */
function split<V>(node: Tree<V>, address: number): [Tree<V>, Tree<V>] {
  if (node === undefined) return [undefined, undefined]
  if (node.start < address) {
    const [low, high] = split(node.right, address)
    node.right = low
    return [measure(node), high]
  }
  const [low, high] = split(node.left, address)
  node.left = high
  return [low, measure(node)]
}

function join<V>(low: Tree<V>, high: Tree<V>): Tree<V> {
  if (low === undefined) return high
  if (high === undefined) return low
  if (low.weight > high.weight) {
    low.right = join(low.right, high)
    return measure(low)
  }
  high.left = join(low, high.left)
  return measure(high)
}

function findHighest<V>(
  node: Tree<V>,
  lengthBytes: number,
  limit: number,
  fit: (start: number, end: number) => number,
): number {
  if (node === undefined || node.longest < lengthBytes) return -1
  if (node.start < limit) {
    const higher = findHighest(node.right, lengthBytes, limit, fit)
    if (higher >= 0) return higher
    const here = node.end - node.start < lengthBytes ? -1 : fit(node.start, node.end)
    if (here >= 0) return here
  }
  return findHighest(node.left, lengthBytes, limit, fit)
}
