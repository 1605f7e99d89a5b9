import { createInterface } from 'node:readline/promises'
import { OpenworkError } from '../../shared/errors.ts'
import type { Context } from '../kit/context.ts'

type Terminal = Pick<Context, 'stdin' | 'stdout' | 'stderr' | 'json' | 'env'>

/** Whether there is a person to ask, who sees the question and can answer it. */
export const isInteractive = ({ stdin, stdout, stderr, json, env }: Terminal): boolean =>
  !json && !env.CI && stdin.isTTY === true && stdout.isTTY === true && stderr.isTTY === true

/**
 * Asks on the terminal; yes is what Enter means.
 * @throws OpenworkError interrupted
 */
export async function confirm(question: string, { stdin, stderr }: Terminal): Promise<boolean> {
  const terminal = createInterface({ input: stdin, output: stderr })
  try {
    const left = new Promise<never>((_, reject) => {
      const leave = (): void => reject(new OpenworkError('interrupted', 'Interrupted; nothing was started'))
      terminal.once('SIGINT', leave)
      terminal.once('close', leave) // Ctrl-D, or the terminal is gone
    })
    const answer = await Promise.race([terminal.question(`${question} [Y/n] `), left])
    return /^\s*(?:y|yes|)\s*$/i.test(answer)
  } finally {
    terminal.close()
  }
}
