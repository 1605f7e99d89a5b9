import type { Context } from './kit/context.ts'

/**
 * The result of a command of the daemon: JSON, which its scripts have always read without asking for it, unless it is for
 * a person at a terminal.
 */
export function showResult(
  { output, stdout }: Pick<Context, 'output' | 'stdout'>,
  value: object,
  text: () => string,
): void {
  output.result(value, () => (stdout.isTTY === true ? text() : JSON.stringify(value, null, 2)))
}
