import { checkHost } from '../../orchestrator/check.ts'
import { followWorkspace } from '../../orchestrator/follow-workspace.ts'
import { parseHeartbeat, startHeartbeat } from '../../orchestrator/heartbeat.ts'
import type { Host } from '../../orchestrator/host.ts'
import type { StartOptions } from '../../orchestrator/options.ts'
import { type Readiness, readinessDocument, readinessText } from '../../orchestrator/readiness.ts'
import { start } from '../../orchestrator/start.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import { VERSION } from '../../shared/version.ts'
import { attachToDaemon } from '../attach/attach.ts'
import { findServedByDaemon } from '../attach/served-by-daemon.ts'
import { parseStartOptions, type StartValues } from '../flags/start-options.ts'
import { openHostLog } from '../host-log.ts'
import type { Context } from '../kit/context.ts'
import { ownRunId } from '../own-run-id.ts'
import { type Interruptions, takeInterruptions } from '../signals.ts'
import { aborted, interruptedStart, startDeps } from '../start-deps.ts'

/** `start` and `serve`: a host until it is interrupted or cannot go on. Resolves to the exit code. */
export async function runHost(values: StartValues, context: Context): Promise<number> {
  const options = parseStartOptions({ ...values, runId: ownRunId(values.runId, context) }, context)
  const served = await findServedByDaemon({ ...options, attach: values.attach }, context)
  if (served) {
    if (!values.check && !values.checkEvents) return await attachToDaemon({ ...values, ...options }, served, context)
    throw new OpenworkError('flags_conflict', '--check starts services of its own, --attach starts none', {
      hint: 'Leave one out.',
    })
  }
  const interruptions = takeInterruptions()
  const { log, progress, interruptedTransfer, flush } = openHostLog({ ...values, ...options }, context, interruptions)
  try {
    log.info('starting', { version: VERSION, workspace: options.workspace, runId: options.runId })
    const starting = start(options, startDeps(context, { log, progress }, interruptions))
    const started = await Promise.race([starting, interruptions.forced])
    return await letHostRun(values, { ...started, options }, { context, log, flush, interruptions })
  } catch (error) {
    const failure = interruptions.signal.aborted ? interruptedStart(interruptions, error, interruptedTransfer()) : error
    // stderr has it too; but a collector of records reads only these.
    if (options.logFormat === 'json' && failure instanceof OpenworkError)
      log.error(`run failed: ${failure.message}`, { code: failure.code })
    throw failure
  } finally {
    progress.end() // a start that is interrupted is not waited for: it may still be shown
    await flush()
    interruptions.release()
  }
}

type Surroundings = { context: Context; log: Log; flush: () => Promise<void>; interruptions: Interruptions }

/** Tells that the host is ready, then checks it or lets it run; the host is down again at the end in every case. */
async function letHostRun(values: StartValues, readiness: Readiness, around: Surroundings): Promise<number> {
  const { host, options } = readiness
  const { context, log } = around
  let heartbeat: { stop(): void } | undefined
  let hotReload: { stop(): Promise<void> } | undefined
  try {
    log.debug('what runs', readinessDocument(readiness).diagnostics)
    if (values.check || values.checkEvents) {
      const checks = await checkHost(host, { events: values.checkEvents, readOnly: options.server.readOnly })
      for (const { name, tookMs } of checks) log.info(`check ok: ${name}`, { tookMs })
      log.info('all checks passed')
      if (context.json) context.output.result({ ...readinessDocument(readiness), checks }, '')
      return 0
    }
    await around.flush() // what led here stands above it
    announce(options, readiness, around)
    const asked = parseHeartbeat(context.env)
    heartbeat = asked && startHeartbeat(asked, host.plan, log)
    hotReload = followWorkspace(host, options.opencode.hotReload, log)
    return await untilEnd(host, around)
  } finally {
    heartbeat?.stop()
    log.info('shutting down')
    await Promise.all([hotReload?.stop(), host.stop()])
    log.info('stopped')
  }
}

/** JSON mode: the document. JSON logs: nothing but records may stand on stdout, so a record. Otherwise text. */
function announce(options: StartOptions, readiness: Readiness, { context, log }: Surroundings): void {
  if (context.json || options.logFormat === 'pretty')
    context.output.result(readinessDocument(readiness), () => readinessText(readiness))
  else {
    const { server, opencode } = readiness.host.plan
    log.info('host ready', {
      workspace: options.workspace,
      connectUrl: server.connectUrl,
      opencodeUrl: opencode.baseUrl,
    })
  }
}

/** Until a signal (0) or until a service that is needed is gone for good (its exit code, as an error). */
async function untilEnd(host: Host, { interruptions }: Surroundings): Promise<number> {
  const failure = await Promise.race([aborted(interruptions.signal), host.ended])
  if (failure) throw failure
  return 0
}
