/** The streams that are open, so that a program that ends can end them properly instead of cutting them off. */
export class OpenStreams {
  readonly #open = new Set<() => void>()

  /** `end` is called once, when the program ends, unless what is returned was called before. */
  add(end: () => void): () => void {
    this.#open.add(end)
    return () => this.#open.delete(end)
  }

  /** The same bytes, chunk by chunk as they come. */
  pass(upstream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    const reader = upstream.getReader()
    let isOpen = true
    let forget: () => void = () => {}
    const close = (): void => {
      isOpen = false
      forget()
    }
    return new ReadableStream<Uint8Array>({
      start: controller => {
        forget = this.add(() => {
          close()
          controller.close()
          reader.cancel().catch(() => {}) // it may have broken meanwhile; we are done with it
        })
      },
      async pull(controller) {
        const { done, value } = await reader.read().catch(error => {
          close()
          throw error
        })
        if (!isOpen) return
        if (value) return controller.enqueue(value)
        if (!done) return
        close()
        controller.close()
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
    const ends = [...this.#open]
    this.#open.clear()
    for (const end of ends) end()
  }
}
