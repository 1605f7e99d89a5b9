import { type Log, type LogRecord, plainText } from '../shared/log.ts'

/** What whoever starts a host is to know of it: as the log warns of it, for those who do not read the log. */
export class Notices {
  readonly #texts = new Set<string>()

  get texts(): readonly string[] {
    return [...this.#texts]
  }

  /** Takes in what is warned of until that is done. */
  async during<T>(log: Log, work: () => Promise<T>): Promise<T> {
    const stop = log.tap(record => {
      if (record.severity === 'warn') this.#texts.add(noticeOf(record))
    })
    try {
      return await work()
    } finally {
      stop()
    }
  }

  add(text: string): void {
    this.#texts.add(text)
  }
}

function noticeOf({ message, attributes }: Pick<LogRecord, 'message' | 'attributes'>): string {
  // Where a host is reached is shown beside its notices.
  const { hint, address, alternatives, ...facts } = attributes
  return `${plainText({ message, attributes: facts })}${typeof hint === 'string' ? `: ${hint}` : ''}`
}
