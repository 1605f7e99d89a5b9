import type { Context } from '../kit/context.ts'

/**
 * Calls `onGone` when the terminal is gone, which a SIGHUP does not always tell: a shell that ignores it is hung up alone.
 * Returns a function that ends the watch.
 */
export function watchTerminal({ stdin, stdout }: Pick<Context, 'stdin' | 'stdout'>, onGone: () => void): () => void {
  const events = ['end', 'close', 'error'] as const
  for (const event of events) stdin.on(event, onGone)
  stdout.on('error', onGone)
  return () => {
    for (const event of events) stdin.off(event, onGone)
    stdout.off('error', onGone)
  }
}
