/** What closes together, newest first. */
export class Resources implements Disposable {
  readonly #items: Disposable[] = []

  /** Adds something; it moves here. */
  own<T extends Disposable>(item: T): T {
    this.#items.push(item)
    return item
  }

  [Symbol.dispose](): void {
    for (let item = this.#items.pop(); item !== undefined; item = this.#items.pop())
      item[Symbol.dispose]()
  }
}
