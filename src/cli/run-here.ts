import { checkHost } from '../orchestrator/check.ts'
import { followWorkspace } from '../orchestrator/follow-workspace.ts'
import { parseHeartbeat, startHeartbeat } from '../orchestrator/heartbeat.ts'
import type { Host } from '../orchestrator/host.ts'
import type { StartOptions } from '../orchestrator/options.ts'
import { type Readiness, readinessDocument, readinessText } from '../orchestrator/readiness.ts'
import { start } from '../orchestrator/start.ts'
import { OpenworkError } from '../shared/errors.ts'
import { watchParent } from '../shared/parent-watch.ts'
import { VERSION } from '../shared/version.ts'
import { failureDocumentOf, type ProgressAnswer } from './background/answers.ts'
import type { DownloadProgress } from './download-progress.ts'
import type { StartValues } from './flags/start-options.ts'
import { type HostLog, openHostLog, openLogFile } from './host-log.ts'
import type { Context } from './kit/context.ts'
import { type Interruptions, takeInterruptions } from './signals.ts'
import { aborted, interruptedStart, startDeps } from './start-deps.ts'

/**
 * A host in this process until it is interrupted, asked to stop, or cannot go on. Resolves to the exit code. With
 * `--background` it belongs to whoever started it, who holds its stdin and reads what it answers on stdout, a document on
 * a line: that it is ready, and why it ended.
 */
export async function runHere(values: StartValues, options: StartOptions, context: Context): Promise<number> {
  const interruptions = takeInterruptions()
  const unwatch = values.background ? watchOwner(context, interruptions) : undefined
  try {
    const hostLog = openLog(values, options, context, interruptions)
    return await untilEnd(values, options, { context, hostLog, interruptions, unwatch })
  } catch (error) {
    if (!values.background || !(error instanceof OpenworkError)) throw error
    context.output.item(failureDocumentOf(error, context.redactor), '')
    return error.exitCode
  } finally {
    interruptions.release()
  }
}

/** However our owner ends, the system closes its end of the pipe. */
const watchOwner = ({ stdin }: Context, interruptions: Interruptions): (() => void) =>
  watchParent({ OPENWORK_PARENT_WATCH: 'stdin' }, () => interruptions.interrupt(), stdin)

function openLog(
  { logFile, color, background }: StartValues,
  options: StartOptions,
  context: Context,
  interruptions: Interruptions,
): HostLog {
  if (logFile === undefined) return openHostLog({ ...options, color }, context, interruptions)
  const hostLog = openLogFile(logFile, options, context, interruptions)
  return background ? { ...hostLog, progress: toldOwner(hostLog.progress, context) } : hostLog
}

/** The owner has a terminal to show it in. */
function toldOwner(progress: DownloadProgress, { output }: Context): DownloadProgress {
  const tell = (answer: ProgressAnswer): void => output.item(answer, '')
  let toldAtMs = Number.NEGATIVE_INFINITY
  return {
    step: step => {
      progress.step(step)
      if (performance.now() - toldAtMs < TELL_EVERY_MS) return
      toldAtMs = performance.now()
      tell({ progress: step })
    },
    end: () => {
      progress.end()
      if (toldAtMs > 0) tell({ progress: null })
      toldAtMs = Number.NEGATIVE_INFINITY
    },
  }
}

const TELL_EVERY_MS = 200

type Surroundings = {
  context: Context
  hostLog: HostLog
  interruptions: Interruptions
  /** The end of who started us is nothing to us from now on. */
  unwatch: (() => void) | undefined
}

async function untilEnd(values: StartValues, options: StartOptions, around: Surroundings): Promise<number> {
  const { context, interruptions, unwatch } = around
  const { log, progress, interruptedTransfer, flush } = around.hostLog
  try {
    log.info('starting', { version: VERSION, workspace: options.workspace, runId: options.runId })
    const deps = { ...startDeps(context, around.hostLog, interruptions), logFile: values.logFile }
    const starting = start(options, { ...deps, ...(unwatch && { onReleased: unwatch }) })
    const started = await Promise.race([starting, interruptions.forced])
    return await letHostRun(values, { ...started, options }, around)
  } catch (error) {
    const failure = interruptions.signal.aborted ? interruptedStart(interruptions, error, interruptedTransfer()) : error
    // Whoever reads only the records is told too.
    if ((values.logFile !== undefined || options.logFormat === 'json') && failure instanceof OpenworkError)
      log.error(`run failed: ${failure.message}`, { code: failure.code })
    throw failure
  } finally {
    progress.end() // a start that is interrupted is not waited for: it may still be shown
    await flush()
  }
}

/** Tells that the host is ready, then checks it or lets it run; the host is down again at the end in every case. */
async function letHostRun(values: StartValues, readiness: Readiness, around: Surroundings): Promise<number> {
  const { host, options } = readiness
  const { context } = around
  const { log, flush } = around.hostLog
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
    await flush() // what led here stands above it
    announce(values, readiness, around)
    const asked = parseHeartbeat(context.env)
    heartbeat = asked && startHeartbeat(asked, host.plan, log)
    hotReload = followWorkspace(host, options.opencode.hotReload, log)
    return await untilStopped(host, around)
  } finally {
    heartbeat?.stop()
    log.info('shutting down')
    await Promise.all([hotReload?.stop(), host.stop()])
    log.info('stopped')
  }
}

/** JSON mode: the document. JSON logs: nothing but records may stand on stdout, so a record. Otherwise text. */
function announce(
  { background }: StartValues,
  readiness: Readiness,
  { context, hostLog: { log } }: Surroundings,
): void {
  const { options } = readiness
  if (background) context.output.item(readinessDocument(readiness), '')
  else if (context.json || options.logFormat === 'pretty')
    context.output.result(readinessDocument(readiness), () => readinessText(readiness))
  if (!background && (context.json || options.logFormat === 'pretty')) return
  const { server, opencode } = readiness.host.plan
  log.info('host ready', {
    workspace: options.workspace,
    connectUrl: server.connectUrl,
    opencodeUrl: opencode.baseUrl,
  })
}

/** Until a signal, or a request to stop (0), or until a service that is needed is gone for good (its exit code, as an error). */
async function untilStopped(host: Host, { interruptions }: Surroundings): Promise<number> {
  const failure = await Promise.race([aborted(interruptions.signal), host.stopAsked, host.ended])
  if (failure) throw failure
  return 0
}
