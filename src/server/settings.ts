import { randomUUID } from 'node:crypto'
import { dirname, join, resolve } from 'node:path'
import type { Status } from '../api/status.ts'
import type { Workspace } from '../api/workspaces.ts'
import { OpenworkError } from '../shared/errors.ts'
import { homeFolder } from '../shared/home-folder.ts'
import type { LogFormat } from '../shared/log.ts'
import { parseResourceAttributes } from '../shared/resource-attributes.ts'
import { type Secret, secret } from '../shared/secret.ts'
import { type ConfigFile, readConfigFile } from './config-file.ts'
import { type ParsedFlags, VALUE_FLAGS, type ValueFlag } from './flags.ts'
import { type OpencodeDefaults, planWorkspaces } from './workspaces.ts'

export type Environment = Readonly<Record<string, string | undefined>>

type TokenSource = Status['tokenSource']['client']

export type ServerSettings = {
  configPath: string
  host: string
  /** 0: any free one. */
  port: number
  clientToken: { value: Secret; source: TokenSource }
  hostToken: { value: Secret; source: TokenSource }
  approval: { mode: 'manual' | 'auto'; timeoutMs: number }
  workspaces: readonly Workspace[]
  /** Flags or environment name them; else the settings file does. */
  workspacesGiven: boolean
  authorizedRoots: readonly string[]
  /** What a workspace that is added later has of its opencode. */
  opencode: OpencodeDefaults
  /** Port of opencode-router on this machine. */
  routerPort: number | undefined
  /** Where the orchestrator that runs us is asked about the runtime. */
  control: Control | undefined
  corsOrigins: readonly string[]
  allowedHosts: readonly string[]
  /** Globs of what catalogs leave out. */
  catalogIgnore: readonly string[]
  readOnly: boolean
  logFormat: LogFormat
  logRequests: boolean
  verbose: boolean
  runId: string
  /** OpenTelemetry resource attributes of the log records. */
  resource: Readonly<Record<string, string>>
  tokenStorePath: string
  /** Root of what the server keeps itself: the audit log. */
  dataDir: string
  sandbox: { enabled: boolean; backend: 'none' | 'docker' | 'container' }
  browser: 'sandbox-headless' | 'host-interactive' | 'client-interactive' | undefined
  inboxMaxBytes: number
}

export type Control = {
  baseUrl: string
  token: Secret
  /** It keeps the list of workspaces in the settings file, and changes it for us. */
  keepsWorkspaces: boolean
}

const DEFAULT_INBOX_BYTES = 50_000_000
const MAX_INBOX_BYTES = 250_000_000

/**
 * Flags over environment over file over default; blank counts as not given. Relative paths of flags and environment are
 * read against `cwd`, those of the file against its folder. Throws `invalid_value` or `invalid_config`.
 */
export async function resolveSettings(flags: ParsedFlags, env: Environment, cwd: string): Promise<ServerSettings> {
  const given = new Given(flags, env)
  const configPath = resolve(cwd, given.text('config') ?? join(homeFolder(), '.config', 'openwork', 'server.json'))
  const file = (await readConfigFile(configPath)) ?? {}
  const opencode = opencodeOf(given, file)
  const paths = given.workspacePaths()
  const { workspaces, authorizedRoots } = publishedBy(
    { ...file, ...(paths && { workspaces: paths.map(path => ({ path: path && resolve(cwd, path) })) }) },
    { configPath, opencode },
  )
  return {
    configPath,
    host: given.text('host') ?? (file.host?.trim() || '127.0.0.1'),
    port: given.number('port', { min: 0, max: 65_535 }) ?? file.port ?? 8787,
    clientToken: given.token('token', file.token),
    hostToken: given.token('host-token', file.hostToken),
    approval: {
      mode: given.choice('approval', ['manual', 'auto']) ?? file.approval?.mode ?? 'manual',
      timeoutMs: given.number('approval-timeout', { min: 1, max: 2 ** 31 - 1 }) ?? file.approval?.timeoutMs ?? 30_000,
    },
    workspaces,
    workspacesGiven: paths !== undefined,
    authorizedRoots,
    opencode,
    routerPort: routerPortOf(env),
    control: controlOf(env),
    // Browsers send origins without the slash that people copy along.
    corsOrigins: (given.list('cors') ?? file.corsOrigins ?? []).map(origin => origin.trim().replace(/\/$/, '')),
    allowedHosts: given.list('allowed-hosts') ?? file.allowedHosts ?? [],
    catalogIgnore: given.list('catalog-ignore') ?? file.catalogIgnore ?? [],
    readOnly: flags.switches['read-only'] ?? isOn('OPENWORK_READONLY', env) ?? file.readOnly ?? false,
    logFormat: logFormatOf(given, file),
    logRequests: flags.switches['log-requests'] ?? isOn('OPENWORK_LOG_REQUESTS', env) ?? file.logRequests ?? true,
    verbose: flags.switches.verbose ?? false,
    runId: env.OPENWORK_RUN_ID?.trim() || randomUUID(),
    resource: parseResourceAttributes(env.OTEL_RESOURCE_ATTRIBUTES),
    tokenStorePath: resolve(cwd, env.OPENWORK_TOKEN_STORE?.trim() || join(dirname(configPath), 'tokens.json')),
    dataDir: dataDirOf(env, cwd),
    sandbox: sandboxOf(env),
    browser: browserOf(env.OPENWORK_BROWSER_PROVIDER),
    inboxMaxBytes: inboxLimitOf(env.OPENWORK_INBOX_MAX_BYTES),
  }
}

/** Reads one setting at a time from flags, then environment. */
class Given {
  readonly #flags: ParsedFlags
  readonly #env: Environment

  constructor(flags: ParsedFlags, env: Environment) {
    this.#flags = flags
    this.#env = env
  }

  text(name: ValueFlag): string | undefined {
    return this.#found(name)?.value
  }

  choice<Choice extends string>(name: ValueFlag, choices: readonly Choice[]): Choice | undefined {
    const found = this.#found(name)
    if (!found) return undefined
    const choice = choices.find(known => known === found.value.toLowerCase())
    if (choice !== undefined) return choice
    throw invalidValue(found.origin, found.value, choices.join(' or '))
  }

  number(name: ValueFlag, { min, max }: { min: number; max: number }): number | undefined {
    const found = this.#found(name)
    if (!found) return undefined
    const value = Number(found.value)
    if (/^\d+$/.test(found.value) && value >= min && value <= max) return value
    throw invalidValue(found.origin, found.value, `a whole number from ${min} to ${max}`)
  }

  /** A JSON array, or items between `,` or `;`. */
  list(name: ValueFlag): string[] | undefined {
    const found = this.#found(name)
    return found && parseList(found.origin, found.value)
  }

  token(name: 'token' | 'host-token', inFile: string | undefined): { value: Secret; source: TokenSource } {
    const flag = this.#flags.values[name]?.at(-1)?.trim()
    if (flag) return { value: secret(flag), source: 'cli' }
    const variable = this.#env[VALUE_FLAGS[name]]?.trim()
    if (variable) return { value: secret(variable), source: 'env' }
    if (inFile?.trim()) return { value: secret(inFile.trim()), source: 'file' }
    return { value: secret(randomUUID()), source: 'generated' }
  }

  /** Paths given by `--workspace`, else by the variable. */
  workspacePaths(): string[] | undefined {
    const flags = this.#flags.values.workspace?.filter(path => path.trim() !== '')
    if (flags && flags.length > 0) return [...flags]
    const variable = this.#env.OPENWORK_WORKSPACES?.trim()
    return variable ? parseList('OPENWORK_WORKSPACES', variable) : undefined
  }

  #found(name: ValueFlag): { value: string; origin: string } | undefined {
    const flag = this.#flags.values[name]?.at(-1)
    // As it is: a folder's name may begin or end with a blank.
    if (flag?.trim()) return { value: flag, origin: `--${name}` }
    const variable = VALUE_FLAGS[name]
    const value = this.#env[variable]?.trim()
    return value ? { value, origin: variable } : undefined
  }
}

function opencodeOf(given: Given, file: ConfigFile): OpencodeDefaults {
  const opencode = {
    baseUrl: given.text('opencode-base-url') ?? file.opencodeBaseUrl,
    directory: given.text('opencode-directory') ?? file.opencodeDirectory,
    username: given.text('opencode-username') ?? file.opencodeUsername,
    password: given.text('opencode-password') ?? file.opencodePassword,
  }
  if (opencode.baseUrl !== undefined && !isHttpUrl(opencode.baseUrl))
    throw invalidValue('opencode base URL', opencode.baseUrl, 'an http or https URL')
  return opencode
}

export type PublishedSettings = { workspaces: readonly Workspace[]; authorizedRoots: readonly string[] }

/** What a settings file publishes. Throws `invalid_config`. */
export function publishedBy(
  file: Pick<ConfigFile, 'workspaces' | 'authorizedRoots'>,
  { configPath, opencode }: Pick<ServerSettings, 'configPath' | 'opencode'>,
): PublishedSettings {
  const configDir = dirname(configPath)
  const workspaces = planWorkspaces(file.workspaces ?? [], configDir, opencode)
  const roots = file.authorizedRoots?.filter(root => root.trim() !== '').map(root => resolve(configDir, root)) ?? []
  return {
    workspaces,
    authorizedRoots: roots.length > 0 ? roots : workspaces.map(({ path }) => path).filter(path => path !== ''),
  }
}

function logFormatOf(given: Given, file: ConfigFile): LogFormat {
  const format = given.choice('log-format', ['pretty', 'text', 'human', 'json']) ?? file.logFormat
  return format === 'json' ? 'json' : 'pretty'
}

function dataDirOf(env: Environment, cwd: string): string {
  const given = env.OPENWORK_DATA_DIR?.trim() || '~/.openwork/openwork-server'
  return given.startsWith('~/') ? join(homeFolder(), given.slice(2)) : resolve(cwd, given)
}

function sandboxOf(env: Environment): ServerSettings['sandbox'] {
  const named = env.OPENWORK_SANDBOX_BACKEND?.trim().toLowerCase()
  const backend = named === 'docker' || named === 'container' ? named : 'none'
  return { enabled: isOn('OPENWORK_SANDBOX_ENABLED', env) ?? backend !== 'none', backend }
}

/** Undefined when unset or 0: not configured. */
function routerPortOf(env: Environment): number | undefined {
  const text = env.OPENCODE_ROUTER_HEALTH_PORT?.trim()
  if (!text || /^0+$/.test(text)) return undefined
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw invalidValue('OPENCODE_ROUTER_HEALTH_PORT', text, 'a whole number from 0 to 65535')
}

/** Both variables, or there is no orchestrator to ask. */
function controlOf(env: Environment): ServerSettings['control'] {
  const baseUrl = env.OPENWORK_CONTROL_BASE_URL?.trim()
  const token = env.OPENWORK_CONTROL_TOKEN?.trim()
  if (!baseUrl || !token) return undefined
  if (!isHttpUrl(baseUrl)) throw invalidValue('OPENWORK_CONTROL_BASE_URL', baseUrl, 'an http or https URL')
  return { baseUrl, token: secret(token), keepsWorkspaces: isOn('OPENWORK_CONTROL_WORKSPACES', env) ?? false }
}

function inboxLimitOf(text: string | undefined): number {
  const bytes = Number(text)
  return bytes > 0 ? Math.min(Math.floor(bytes), MAX_INBOX_BYTES) : DEFAULT_INBOX_BYTES
}

function browserOf(provider: string | undefined): ServerSettings['browser'] {
  const name = provider?.trim()
  return name === 'sandbox-headless' || name === 'host-interactive' || name === 'client-interactive' ? name : undefined
}

/** Undefined when not set. Throws `invalid_value`: `OPENWORK_READONLY=ture` must not open what was to be closed. */
function isOn(name: string, env: Environment): boolean | undefined {
  const text = env[name]?.trim().toLowerCase()
  if (!text) return undefined
  if (['1', 'true', 'yes', 'on'].includes(text)) return true
  if (['0', 'false', 'no', 'off'].includes(text)) return false
  throw invalidValue(name, text, '1, true, yes or on, or 0, false, no or off')
}

function parseList(origin: string, value: string): string[] {
  if (!value.startsWith('['))
    return value
      .split(/[,;]/)
      .map(item => item.trim())
      .filter(item => item !== '')
  try {
    const parsed: unknown = JSON.parse(value)
    if (Array.isArray(parsed) && parsed.every(item => typeof item === 'string')) return parsed
  } catch {
    // reported below, as any other list that is not one
  }
  throw invalidValue(origin, value, 'a JSON array of strings, or items separated by commas')
}

const isHttpUrl = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)

const invalidValue = (origin: string, given: string, allowed: string): OpenworkError =>
  new OpenworkError('invalid_value', `${origin}: "${given}" is not ${allowed}`)
