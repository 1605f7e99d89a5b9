import type { DashboardEnd, DashboardOptions } from '../../dashboard/run-dashboard.ts'
import type { DashboardSource } from '../../dashboard/source.ts'
import type { Context } from '../kit/context.ts'

export type Shown = Pick<DashboardOptions, 'role' | 'color' | 'isPlain' | 'signal'>

/** The dashboard of a host in this terminal. Throws whatever is wrong with the terminal, or with the dashboard. */
export async function showDashboard(
  source: DashboardSource,
  shown: Shown,
  { stdin, stdout, env, cwd }: Pick<Context, 'stdin' | 'stdout' | 'env' | 'cwd'>,
): Promise<DashboardEnd> {
  const { runDashboard } = await import('../../dashboard/run-dashboard.ts')
  return await runDashboard({ source, ...shown, stdin, stdout, env, cwd })
}

/** Colour unless somebody does not want it; lines where the terminal can do nothing else. */
export const lookOf = (
  { color, plain }: { color?: boolean | undefined; plain?: boolean },
  { env, color: isWelcome }: Pick<Context, 'env' | 'color'>,
): Pick<Shown, 'color' | 'isPlain'> => ({
  color: !env.NO_COLOR && (color ?? isWelcome),
  isPlain: plain === true || env.TERM === 'dumb',
})
