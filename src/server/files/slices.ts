/** How many files of a batch are worked on at once: a disk takes several, and a batch must not take it all. */
const AT_ONCE = 8

export function slicesOf<Item>(items: readonly Item[]): Item[][] {
  const count = Math.ceil(items.length / AT_ONCE)
  return Array.from({ length: count }, (_, index) => items.slice(index * AT_ONCE, (index + 1) * AT_ONCE))
}
