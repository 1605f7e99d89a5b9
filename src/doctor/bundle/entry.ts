import { messageOf, unlessSystemError } from '../../shared/errors.ts'

/** A file of a support bundle. */
export type Entry = { readonly name: string; readonly content: string }

/** What would have been one, and why it is not. */
export type LeftOut = { readonly name: string; readonly why: string }

/** What was collected so far. */
export class Collection {
  readonly entries: Entry[] = []
  readonly leftOut: LeftOut[] = []

  add(name: string, content: string | object): void {
    const text = typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`
    this.entries.push({ name, content: text })
  }

  leaveOut(name: string, why: string): void {
    this.leftOut.push({ name, why })
  }

  /** What cannot be read is left out, and said; the rest goes on. */
  async try(name: string, make: () => Promise<string | object | undefined>): Promise<void> {
    try {
      const content = await make()
      if (content !== undefined) this.add(name, content)
    } catch (error) {
      if (!(error instanceof Error) || error.name === 'AbortError') throw error
      this.leaveOut(name, messageOf(error))
    }
  }
}

/** Undefined instead of a system error: for what need not be there. */
export const orUndefined = <T>(work: Promise<T>): Promise<T | undefined> => work.catch(unlessSystemError)
