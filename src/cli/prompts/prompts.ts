import type { LocalHost } from '../../orchestrator/local-hosts.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { Context } from '../kit/context.ts'
import { onOneLine } from '../kit/one-line.ts'
import { takeInterruptions } from '../signals.ts'

/** What a question takes of a command: asked on stderr, so that stdout stays for the result. */
export type Asking = Pick<Context, 'stdin' | 'stdout' | 'stderr' | 'json' | 'env'>

/** Whether there is a person to ask, who sees the question and can answer it. */
export const canAsk = ({ stdin, stdout, stderr, json, env }: Asking): boolean =>
  !json && !env.CI && env.TERM !== 'dumb' && stdin.isTTY === true && stdout.isTTY === true && stderr.isTTY === true

/** A text of strangers may stand in it: it is shown on one line and does nothing to the terminal. */
export type Choice<T> = { readonly value: T; readonly label: string; readonly hint?: string }

/**
 * One of the choices, of which there is at least one; a long list scrolls.
 * @throws OpenworkError interrupted
 */
export async function askSelect<T>(question: string, choices: readonly Choice<T>[], asking: Asking): Promise<T> {
  const { select } = await import('@clack/prompts')
  // By index: clack's types tell plain values from objects, and there is nothing to gain from that here.
  const options = choices.map(({ label, hint }, value) => ({
    value,
    label: onOneLine(label),
    ...(hint !== undefined && { hint: onOneLine(hint) }),
  }))
  const index = await answered<number>(asking, common =>
    select({ message: question, options, maxItems: 12, ...common }),
  )
  return (choices[index] as Choice<T>).value
}

/**
 * What is typed, which is not blank and passes `check`, a sentence about what is wrong with it or nothing.
 * @throws OpenworkError interrupted
 */
export async function askText(
  question: string,
  asking: Asking,
  { initial, check }: { initial?: string; check?: (text: string) => string | undefined } = {},
): Promise<string> {
  const { text } = await import('@clack/prompts')
  const validate = (typed: string | undefined): string | undefined =>
    typed === undefined || typed.trim() === '' ? 'Something must stand here.' : check?.(typed)
  return answered<string>(asking, common =>
    text({ message: question, validate, ...(initial !== undefined && { initialValue: initial }), ...common }),
  )
}

/**
 * Yes or no; `enter` is what Enter alone means.
 * @throws OpenworkError interrupted
 */
export async function askConfirm(question: string, asking: Asking, { enter }: { enter: boolean }): Promise<boolean> {
  const { confirm } = await import('@clack/prompts')
  return answered<boolean>(asking, common => confirm({ message: question, initialValue: enter, ...common }))
}

/**
 * Which of several hosts is meant, where there is a person to ask; undefined where there is none.
 * @throws OpenworkError interrupted
 */
export async function chooseHost<H extends Pick<LocalHost, 'runId' | 'pid' | 'workspace' | 'serves' | 'baseUrl'>>(
  hosts: readonly H[],
  asking: Asking,
  question = 'Several hosts run. Which one?',
): Promise<H | undefined> {
  if (!canAsk(asking) || hosts.length === 0) return undefined
  const choices = hosts.map(host => ({
    value: host,
    label: host.serves === 'listed' ? `the daemon, pid ${host.pid}` : host.workspace,
    hint: host.serves === 'listed' ? host.baseUrl : `${host.baseUrl}, pid ${host.pid}`,
  }))
  return askSelect(question, choices, asking)
}

type Common = {
  readonly input: Asking['stdin']
  readonly output: Asking['stderr']
  readonly signal: AbortSignal
  readonly withGuide: false
}

type Key = { readonly ctrl?: boolean; readonly name?: string } | undefined

/**
 * Meanwhile the keyboard is clack's, where ^C is a key like any other; a signal ends the question first, so that the
 * terminal is as it was. By itself clack 1.9.0 never answers after ^D, nor when the terminal is gone.
 */
async function answered<T>(asking: Asking, ask: (common: Common) => Promise<T | symbol>): Promise<T> {
  const { stdin: input, stderr: output } = asking
  const interruptions = takeInterruptions()
  const left = new AbortController()
  const leave = (): void => left.abort()
  const onKey = (_: unknown, key: Key): void => {
    if (key?.ctrl && key.name === 'd') leave()
  }
  input.once('end', leave)
  input.on('keypress', onKey)
  try {
    const signal = AbortSignal.any([interruptions.signal, left.signal])
    const answer = await ask({ input, output, signal, withGuide: false })
    if (typeof answer !== 'symbol') return answer
    const exitCode = interruptions.signal.aborted ? { exitCode: interruptions.exitCode() } : {}
    throw new OpenworkError('interrupted', 'Interrupted; nothing was done', exitCode)
  } finally {
    input.off('end', leave)
    input.off('keypress', onKey)
    input.pause() // or it would keep the process
    interruptions.release()
  }
}
