import type { TransferLimits } from './limits.ts'
import { explainNetworkError, TransferFailure } from './transfer-failure.ts'

/** Looks per stall window: the more, the sooner a stall is noticed after the window is over. */
const LOOKS = 4

type Watch = {
  limits: TransferLimits
  /** Aborts the request that the body belongs to. */
  over: AbortController
  signal: AbortSignal | undefined
  /** For messages. */
  proxy: string | undefined
}

/** The bytes of a body as they come, ended with a TransferFailure when too few of them do. */
export async function* watchBody(
  body: ReadableStream<Uint8Array> | null,
  { limits: { stallBytesPerSecond, stallWindowMs }, over, signal, proxy }: Watch,
): AsyncGenerator<Uint8Array> {
  const leastBytes = (stallBytesPerSecond * stallWindowMs) / 1000
  let bytes = 0
  let looks: number[] = [0]
  let isHandedOut = false
  const timer = setInterval(() => {
    if (isHandedOut) looks = [] // it is our disk that takes its time
    looks.push(bytes)
    if (looks.length <= LOOKS) return
    const brought = bytes - (looks.shift() ?? 0)
    if (brought >= leastBytes) return
    const stalled = `only ${brought} bytes came in ${stallWindowMs / 1000} s`
    over.abort(new TransferFailure(`the transfer stalled: ${stalled}`, { retry: 'often' }))
  }, stallWindowMs / LOOKS)
  try {
    for await (const chunk of body ?? []) {
      bytes += chunk.length
      isHandedOut = true
      yield chunk
      isHandedOut = false
    }
    over.signal.throwIfAborted() // Bun may end an aborted body as if it were complete
  } catch (error) {
    signal?.throwIfAborted()
    over.signal.throwIfAborted()
    throw explainNetworkError(error, proxy)
  } finally {
    clearInterval(timer)
  }
}
