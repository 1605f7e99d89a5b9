const SHORTEST = 8

/** The beginning of each id that no other one has, at least 8 characters. */
export const shortIds = (ids: readonly string[]): string[] =>
  ids.map(id => {
    const others = ids.filter(other => other !== id)
    let length = SHORTEST
    while (length < id.length && others.some(other => other.startsWith(id.slice(0, length)))) length++
    return id.slice(0, length)
  })
