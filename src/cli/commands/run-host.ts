import { OpenworkError } from '../../shared/errors.ts'
import { attachToDaemon } from '../attach/attach.ts'
import { findServedByDaemon } from '../attach/served-by-daemon.ts'
import { parseStartOptions, type StartValues } from '../flags/start-options.ts'
import { howToRun, inTheWayOfTui } from '../how-to-run.ts'
import type { Context } from '../kit/context.ts'
import { ownRunId } from '../own-run-id.ts'
import { confirmFolder } from '../prompts/confirm-folder.ts'

/**
 * `start` and `serve`: a host until it is interrupted or cannot go on, or one that goes on in the background. Resolves to
 * the exit code.
 */
export async function runHost(command: 'start' | 'serve', values: StartValues, context: Context): Promise<number> {
  const options = parseStartOptions({ ...values, runId: ownRunId(values.runId, context) }, context)
  const how = howToRun(command, values, context)
  const inTheWay = context.source('tui') === 'flag' ? inTheWayOfTui(values, context) : undefined
  if (inTheWay !== undefined) context.output.note(`--tui changes nothing: with ${inTheWay} there is no dashboard`)
  const served = await findServedByDaemon({ ...options, attach: values.attach }, context)
  if (served) {
    if (!values.check && !values.checkEvents)
      return await attachToDaemon({ ...values, ...options, how }, served, context)
    throw new OpenworkError('flags_conflict', '--check starts services of its own, --attach starts none', {
      hint: 'Leave one out.',
    })
  }
  await confirmFolder(options, context)
  // Each is loaded where it is needed: the dashboard alone is larger than the rest.
  switch (how) {
    case 'here':
      return await (await import('../run-here.ts')).runHere(values, options, context)
    case 'detached':
      return await (await import('../background/start-detached.ts')).startDetached(values, options, context)
    case 'dashboard':
      return await (await import('../dashboard/start-with-dashboard.ts')).startWithDashboard(values, options, context)
  }
}
