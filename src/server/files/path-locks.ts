/** Gives back what was locked. */
type Release = () => void

type Waiting = { keys: readonly string[]; grant: (release: Release) => void }

/**
 * Lets changes of the same place in the tree follow each other, in the order they asked, and all others run at once.
 * Who holds a path holds what is below it too. All paths of one change are granted together or not at all, so that no
 * two changes can wait for each other.
 */
export class PathLocks {
  readonly #held = new Claims()
  #waiting: Waiting[] = []

  /** Runs `work` while nobody else's works on `paths` (absolute) or on what is above or below them. */
  async with<Result>(paths: readonly string[], work: () => Promise<Result>): Promise<Result> {
    const release = await this.#acquire(paths.map(keyOf))
    try {
      return await work()
    } finally {
      release()
    }
  }

  #acquire(keys: readonly string[]): Promise<Release> {
    return new Promise(grant => {
      this.#waiting.push({ keys, grant })
      this.#grantWaiting()
    })
  }

  /** Whoever waits keeps those behind off its paths too: nobody is passed over for ever. */
  #grantWaiting(): void {
    const ahead = new Claims()
    this.#waiting = this.#waiting.filter(({ keys, grant }) => {
      const isFree = keys.every(key => this.#held.allows(key) && ahead.allows(key))
      const claims = isFree ? this.#held : ahead
      for (const key of keys) claims.add(key)
      if (isFree) grant(this.#releaseOf(keys))
      return !isFree
    })
  }

  #releaseOf(keys: readonly string[]): Release {
    return () => {
      for (const key of keys) this.#held.remove(key)
      this.#grantWaiting()
    }
  }
}

/**
 * Names that some file system takes for one are one here, whatever the file system: two files that differ in case only
 * then wait for each other, which is no harm.
 */
const keyOf = (path: string): string => path.normalize('NFC').toLowerCase()

/** Paths, and how often each of their ancestors is one. */
class Claims {
  readonly #paths = new Map<string, number>()
  readonly #above = new Map<string, number>()

  allows(key: string): boolean {
    return !this.#above.has(key) && !this.#paths.has(key) && !ancestorsOf(key).some(above => this.#paths.has(above))
  }

  add(key: string): void {
    count(this.#paths, key, 1)
    for (const above of ancestorsOf(key)) count(this.#above, above, 1)
  }

  remove(key: string): void {
    count(this.#paths, key, -1)
    for (const above of ancestorsOf(key)) count(this.#above, above, -1)
  }
}

function ancestorsOf(key: string): string[] {
  const ancestors: string[] = []
  for (let end = lastSeparator(key, key.length); end > 0; end = lastSeparator(key, end))
    ancestors.push(key.slice(0, end))
  return ancestors
}

const lastSeparator = (key: string, before: number): number =>
  Math.max(key.lastIndexOf('/', before - 1), key.lastIndexOf('\\', before - 1))

function count(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const next = (counts.get(key) ?? 0) + by
  if (next > 0) counts.set(key, next)
  else counts.delete(key)
}
