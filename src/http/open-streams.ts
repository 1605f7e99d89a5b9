/** Whether who reads a stream may go on. */
export type StreamAdmission = {
  /** Throws when not: a token may have been revoked meanwhile. */
  stillAdmitted(): unknown
  /** It is asked so often while nothing comes. */
  everyMs: number
}

/** The streams that are open, so that a program that ends can end them properly instead of cutting them off. */
export class OpenStreams {
  /** Each with whom it belongs to, where it belongs to somebody. */
  readonly #open = new Map<() => void, string | undefined>()

  /** `end` is called once, when the program ends or its owner is gone, unless what is returned was called before. */
  add(end: () => void, owner?: string): () => void {
    this.#open.set(end, owner)
    return () => this.#open.delete(end)
  }

  /**
   * The same bytes, chunk by chunk as they come, for as long as the reader is admitted: asked before each chunk, and
   * meanwhile. Then the stream just ends; a client that comes again is told why. `onEnd` is called when it is over.
   */
  pass(
    upstream: ReadableStream<Uint8Array>,
    { stillAdmitted, everyMs }: StreamAdmission,
    { owner, onEnd }: { owner?: string | undefined; onEnd?: (() => void) | undefined } = {},
  ): ReadableStream<Uint8Array> {
    const reader = upstream.getReader()
    let isOpen = true
    let forget: () => void = () => {}
    const close = (): void => {
      isOpen = false
      clearInterval(asking)
      forget()
      onEnd?.()
    }
    const end = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      if (!isOpen) return
      close()
      controller.close()
      reader.cancel().catch(() => {}) // it may have broken meanwhile; we are done with it
    }
    let asking: Timer | undefined
    return new ReadableStream<Uint8Array>({
      start: controller => {
        forget = this.add(() => end(controller), owner)
        asking = setInterval(() => Promise.try(stillAdmitted).catch(() => end(controller)), everyMs)
      },
      async pull(controller) {
        const { done, value } = await reader.read().catch(error => {
          close()
          throw error
        })
        if (value) await Promise.try(stillAdmitted).catch(() => end(controller))
        if (!isOpen) return
        if (value) controller.enqueue(value)
        else if (done) end(controller)
      },
      cancel(reason) {
        close()
        return reader.cancel(reason)
      },
    })
  }

  get size(): number {
    return this.#open.size
  }

  end(): void {
    const ends = [...this.#open.keys()]
    this.#open.clear()
    for (const end of ends) end()
  }

  /** Ends what belongs to one who is gone. */
  endOf(owner: string): void {
    const ends = [...this.#open].flatMap(([end, of]) => (of === owner ? [end] : []))
    for (const end of ends) this.#open.delete(end)
    for (const end of ends) end()
  }
}
