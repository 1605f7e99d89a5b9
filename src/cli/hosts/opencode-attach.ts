import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { HostSnapshot } from '../../api/host.ts'
import { askServer } from '../../api/request.ts'
import { runtimeVersions } from '../../api/runtime.ts'
import type { LocalHost } from '../../orchestrator/local-hosts.ts'
import { agentEnvironment } from '../../services/child-environment.ts'
import { OPENCODE } from '../../services/opencode.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { REDACTED } from '../../shared/redact.ts'
import { shellWord } from '../../shared/shell-word.ts'
import { folderMeant, nearestServing, realPathOf } from '../folder-word.ts'
import type { Context } from '../kit/context.ts'

const ASK_LIMIT_MS = 10_000

export type AttachPlan = {
  argv: readonly [program: string, ...args: string[]]
  cwd: string
}

/**
 * `opencode attach` as it is run for a host, with the opencode that the host runs. Without `--dir` among `args`, in its
 * folder; of a daemon, the one that `word` or else the current folder is in, or the active one.
 *
 * @throws OpenworkError opencode_not_found, server_unreachable
 */
export async function planAttach(
  host: LocalHost,
  { connection, workspaces }: Pick<HostSnapshot, 'connection' | 'workspaces'>,
  { word, args }: { word: string | undefined; args: readonly string[] },
  context: Pick<Context, 'cwd' | 'home'>,
): Promise<AttachPlan> {
  const program = await opencodeOf(host)
  const local = workspaces.filter(({ isRemote }) => !isRemote)
  const dir = host.serves === 'one' ? host.workspace : await folderOf(local, word, context)
  const named = args.some(arg => arg === '--dir' || arg.startsWith('--dir=')) || dir === undefined
  const argv: AttachPlan['argv'] = [
    program,
    'attach',
    connection.opencodeUrl,
    ...(named ? [] : ['--dir', dir]),
    ...args,
  ]
  return { argv, cwd: dir ?? context.cwd }
}

async function folderOf(
  workspaces: readonly { path: string; isActive: boolean }[],
  word: string | undefined,
  context: Pick<Context, 'cwd' | 'home'>,
): Promise<string | undefined> {
  const served = workspaces.map(({ path: directory }) => ({ directory }))
  const known = served.map(({ directory }) => directory)
  const meant = word === undefined ? undefined : await folderMeant(word, known, context)
  const [nearest] = nearestServing(meant ?? (await realPathOf(context.cwd)), served)
  return nearest?.directory ?? workspaces.find(({ isActive }) => isActive)?.path
}

async function opencodeOf({ control }: LocalHost): Promise<string> {
  const ask = { method: 'GET', path: '/runtime/versions' }
  const { services } = await askServer({ ...control, timeoutMs: ASK_LIMIT_MS }, ask, runtimeVersions)
  const path = services.find(({ name }) => name === OPENCODE)?.path
  if (path !== undefined) return path
  throw new OpenworkError('opencode_not_found', 'The host does not tell which opencode it runs')
}

/** As somebody could type it, without its credentials. */
export const printedCommand = ({ argv }: AttachPlan): string =>
  [`OPENCODE_SERVER_USERNAME=${REDACTED}`, `OPENCODE_SERVER_PASSWORD=${REDACTED}`, ...argv.map(shellWord)].join(' ')

/**
 * Runs it in this terminal. Resolves to its exit code, by convention 128 plus its number after a signal.
 *
 * Its credentials are in its environment alone: other users see the arguments of every process.
 */
export async function runAttach(
  { argv: [program, ...args], cwd }: AttachPlan,
  credentials: { username: string; password: string },
  { env }: Pick<Context, 'env'>,
): Promise<number> {
  const child = spawn(program, args, {
    cwd,
    stdio: 'inherit',
    env: {
      ...agentEnvironment(env),
      OPENCODE_SERVER_USERNAME: credentials.username,
      OPENCODE_SERVER_PASSWORD: credentials.password,
    },
  })
  // ^C comes to it from the terminal; what was sent to us alone is passed on.
  const ignore = (): void => {}
  const passOn = (name: NodeJS.Signals): void => {
    child.kill(name)
  }
  process.on('SIGINT', ignore).on('SIGTERM', passOn).on('SIGHUP', passOn)
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', error => reject(notStarted(program, error)))
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
    })
  } finally {
    process.off('SIGINT', ignore).off('SIGTERM', passOn).off('SIGHUP', passOn)
  }
}

const notStarted = (program: string, cause: Error): OpenworkError =>
  new OpenworkError('opencode_not_executable', `${program} does not start: ${cause.message}`, { cause })
