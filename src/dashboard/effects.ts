import type { EngineWork } from '../api/hot-reload.ts'
import { OpenworkError } from '../shared/errors.ts'
import { copyText } from './clipboard.ts'
import type { DashboardEvent } from './events.ts'
import { exportLogs } from './logs/export-logs.ts'
import type { DashboardOptions } from './run-dashboard.ts'
import type { Effect } from './state.ts'

/** What the dashboard asks of the world; the rest is the screen's own. */
export type Request = Exclude<Effect, { type: 'bell' | 'suspend' | 'redraw' | 'leave' }>

type World = Pick<DashboardOptions, 'source' | 'env' | 'cwd'> & {
  /** To the terminal, beside what is drawn. */
  write(data: string): void
}

/** Does it, and resolves to what the dashboard is told then. Rejects with what is not an `OpenworkError` only. */
export async function performRequest(request: Request, world: World): Promise<DashboardEvent[]> {
  try {
    return await done(request, world)
  } catch (error) {
    if (!(error instanceof OpenworkError)) throw error
    if (error.code === 'workspace_busy' && 'force' in request && !request.force)
      return [{ type: 'busy', work: await workIn(error), effect: request }]
    if (request.type === 'stop') return [{ type: 'not-stopped', reason: error.message }]
    return [...undone(request), said(toldOf(error), 'bad')]
  }
}

async function done(request: Request, { source, env, cwd, write }: World): Promise<DashboardEvent[]> {
  switch (request.type) {
    case 'restart':
      await source.restartService(request.service, { force: request.force })
      return [said(`${request.service} was restarted`, 'good')]
    case 'reload':
      return [said(await source.reload({ directory: request.directory, force: request.force }), 'good')]
    case 'reply':
      await source.replyApproval(request.id, request.reply)
      return [{ type: 'answered', id: request.id }, said(request.reply === 'allow' ? 'Allowed' : 'Denied', 'good')]
    case 'credentials':
      return [{ type: 'credentials', credentials: await source.credentials() }]
    case 'pairing':
      return [{ type: 'paired', pairing: await source.openPairing() }]
    case 'stop':
      await source.stop({ force: request.force })
      return [{ type: 'stopping' }]
    case 'copy': {
      const how = await copyText(request.text, env, write)
      return [said(`${request.what} copied${how === 'terminal' ? ', if the terminal lets it' : ''}`, 'good')]
    }
    case 'export':
      return [said(`${request.what} written to ${await exportLogs(request.file, cwd, request.text)}`, 'good')]
  }
}

/** What the host says is at work; undefined where opencode does not say. */
async function workIn({ details }: OpenworkError): Promise<EngineWork | undefined> {
  const { busyDetails } = await import('../api/hot-reload.ts')
  const answered = details && 'details' in details ? details.details : details
  return busyDetails.safeParse(answered).data?.work
}

/** What was waiting for the answer waits no longer. */
function undone(request: Request): DashboardEvent[] {
  if (request.type === 'credentials') return [{ type: 'credentials', credentials: undefined }]
  if (request.type === 'pairing') return [{ type: 'paired', pairing: undefined }]
  return request.type === 'reply' ? [{ type: 'answered', id: request.id }] : []
}

const toldOf = ({ message, hint }: OpenworkError): string =>
  hint ? `${message}${/[.!?]$/.test(message) ? '' : '.'} ${hint}` : message

const said = (text: string, tone: 'good' | 'bad' | 'plain'): DashboardEvent => ({ type: 'said', text, tone })
