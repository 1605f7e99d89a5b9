/** Does something for every item, for so many at a time at most. Rejects with the first failure, once none is at work. */
export async function atMost<Item>(
  limit: number,
  items: Iterable<Item>,
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  const left = [...items].reverse()
  const worker = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item)
  }
  const ends = await Promise.allSettled(Array.from({ length: Math.min(limit, left.length) }, worker))
  const failed = ends.find(end => end.status === 'rejected')
  if (failed) throw failed.reason
}
