import type { DashboardEnd, DashboardOptions } from '../../dashboard/run-dashboard.ts'
import type { DashboardSource } from '../../dashboard/source.ts'
import type { Context } from '../kit/context.ts'
import type { Interruptions } from '../signals.ts'
import { watchTerminal } from './watch-terminal.ts'

export type Shown = Pick<DashboardOptions, 'role' | 'release' | 'color' | 'isPlain'> & { interruptions: Interruptions }

/** The dashboard of a host in this terminal. Throws whatever is wrong with the terminal, or with the dashboard. */
export async function showDashboard(
  source: DashboardSource,
  { interruptions, ...shown }: Shown,
  { stdin, stdout, env, cwd }: Pick<Context, 'stdin' | 'stdout' | 'env' | 'cwd'>,
): Promise<DashboardEnd> {
  const { runDashboard } = await import('../../dashboard/run-dashboard.ts')
  const { signal } = interruptions
  const unwatch = watchTerminal({ stdin, stdout }, () => interruptions.interrupt())
  try {
    return await runDashboard({ source, ...shown, stdin, stdout, env, cwd, signal })
  } finally {
    unwatch()
  }
}

/** Colour unless somebody does not want it; lines where the terminal can do nothing else. */
export const lookOf = (
  { color, plain }: { color?: boolean | undefined; plain: boolean },
  { env, color: isWelcome }: Pick<Context, 'env' | 'color'>,
): Pick<Shown, 'color' | 'isPlain'> => ({
  color: !env.NO_COLOR && (color ?? isWelcome),
  isPlain: plain || env.TERM === 'dumb',
})
