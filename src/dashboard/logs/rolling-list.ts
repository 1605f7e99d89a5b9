/** Dropped items are let go of when so many have gathered, or a quarter of the list: each costs one copy of the rest. */
const LEAST_WASTE = 1_000

/**
 * A list that grows at its end and loses its beginning, in constant time per item. A list never changes: what is
 * appended is another one, which shares the items as long as lists are made from the newest, one after the other.
 */
export class RollingList<Item> {
  readonly #items: Item[]
  readonly #from: number
  readonly #to: number

  constructor(items: readonly Item[] = [], from = 0, to = items.length) {
    this.#items = items as Item[]
    this.#from = from
    this.#to = to
  }

  get length(): number {
    return this.#to - this.#from
  }

  at(position: number): Item | undefined {
    return position < 0 || position >= this.length ? undefined : this.#items[this.#from + position]
  }

  appended(added: readonly Item[]): RollingList<Item> {
    if (added.length === 0) return this
    // Somebody else has gone on from this list: the room behind it is taken.
    if (this.#items.length !== this.#to) return new RollingList([...this.toArray(), ...added])
    for (const item of added) this.#items.push(item)
    return new RollingList(this.#items, this.#from, this.#to + added.length)
  }

  withoutFirst(count: number): RollingList<Item> {
    if (count <= 0) return this
    const from = Math.min(this.#from + count, this.#to)
    if (from < Math.max(LEAST_WASTE, this.#to / 4)) return new RollingList(this.#items, from, this.#to)
    return new RollingList(this.#items.slice(from, this.#to))
  }

  toArray(): Item[] {
    return this.#items.slice(this.#from, this.#to)
  }

  /** The position of the first item that is not below, in a list where all that are come first. */
  firstNot(isBelow: (item: Item) => boolean): number {
    let low = this.#from
    let high = this.#to
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBelow(this.#items[middle] as Item)) low = middle + 1
      else high = middle
    }
    return low - this.#from
  }
}
