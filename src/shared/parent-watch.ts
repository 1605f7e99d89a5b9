import type { Readable } from 'node:stream'

/**
 * Calls `onGone` once when the process that started us is gone. With `OPENWORK_PARENT_WATCH=stdin` our stdin is a pipe
 * whose other end only the parent holds: the system closes it however the parent ended, SIGKILL included. Without that
 * variable stdin is left alone. Returns a function that ends the watch.
 */
export function watchParent(
  env: Readonly<Record<string, string | undefined>>,
  onGone: () => void,
  stdin: Readable = process.stdin,
): () => void {
  if (env.OPENWORK_PARENT_WATCH !== 'stdin') return () => {}
  const unwatch = (): void => {
    for (const event of ['end', 'close', 'error'] as const) stdin.off(event, gone)
    stdin.pause()
  }
  // A broken pipe shows as `error` or `close` without `end` on some systems.
  const gone = (): void => {
    unwatch()
    onGone()
  }
  for (const event of ['end', 'close', 'error'] as const) stdin.on(event, gone)
  stdin.resume()
  return unwatch
}
