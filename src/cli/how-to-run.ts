import { OpenworkError } from '../shared/errors.ts'
import type { StartValues } from './flags/start-options.ts'
import type { Context } from './kit/context.ts'

/**
 * - `here`: in this process, which shows the logs
 * - `detached`: in the background, without this process
 * - `dashboard`: in the background, for as long as this process shows it
 */
export type HowToRun = 'here' | 'detached' | 'dashboard'

type Asked = Pick<StartValues, 'background' | 'detach' | 'tui' | 'plain' | 'check' | 'checkEvents' | 'logFormat'>

/**
 * A person at a terminal gets the dashboard, unless the output was asked for in another form.
 * @throws OpenworkError terminal_required
 */
export function howToRun(
  command: 'start' | 'serve',
  { background, detach, tui, plain, check, checkEvents, logFormat }: Asked,
  context: Pick<Context, 'json' | 'env' | 'stdin' | 'stdout'>,
): HowToRun {
  if (background) return 'here' // that is how the other two are done
  if (detach) return 'detached'
  if (context.json || check || checkEvents || logFormat === 'json') return 'here'
  if (tui === undefined) {
    const { env } = context
    const isShowable = !env.CI && (plain || env.TERM !== 'dumb') // lines can be shown anywhere
    return command === 'start' && isShowable && hasTerminal(context) ? 'dashboard' : 'here'
  }
  if (tui && !hasTerminal(context)) throw terminalRequired('--tui', 'Leave it out: logs are shown instead.')
  return tui ? 'dashboard' : 'here'
}

/** What stands in the way of a dashboard that was asked for, as it was given; undefined where nothing does. */
export function inTheWayOfTui(
  { background, detach, tui, check, checkEvents, logFormat }: Asked,
  { json }: Pick<Context, 'json'>,
): string | undefined {
  if (!tui || background) return undefined
  if (detach) return '--detach'
  if (json) return '--json'
  if (check || checkEvents) return check ? '--check' : '--check-events'
  return logFormat === 'json' ? '--log-format json' : undefined
}

/** In this order: to look at stdin opens it. */
export const hasTerminal = ({ stdin, stdout }: Pick<Context, 'stdin' | 'stdout'>): boolean =>
  stdout.isTTY === true && stdin.isTTY === true

export const terminalRequired = (what: string, hint: string): OpenworkError =>
  new OpenworkError('terminal_required', `${what} needs a terminal, and stdin or stdout is none`, { hint })
