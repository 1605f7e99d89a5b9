import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { jsonMistake } from '../shared/jsonc.ts'

const text = z.string().optional()

const workspaceEntry = z.object({
  id: text,
  name: text,
  path: text,
  preset: text,
  workspaceType: z.enum(['local', 'remote']).optional(),
  remoteType: z.enum(['opencode', 'openwork']).optional(),
  baseUrl: z.url({ protocol: /^https?$/ }).optional(),
  directory: text,
  displayName: text,
  openworkHostUrl: text,
  openworkToken: text,
  openworkWorkspaceId: text,
  openworkWorkspaceName: text,
  sandboxBackend: text,
  sandboxRunId: text,
  sandboxContainerName: text,
  opencodeUsername: text,
  opencodePassword: text,
})
export type WorkspaceEntry = z.infer<typeof workspaceEntry>

/** Keys that are not ours are left alone: other programs keep things in this file too. */
const configFile = z.object({
  host: text,
  port: z.number().int().min(0).max(65_535).optional(),
  token: text,
  hostToken: text,
  approval: z
    .object({ mode: z.enum(['manual', 'auto']).optional(), timeoutMs: z.number().int().positive().optional() })
    .optional(),
  workspaces: z.array(workspaceEntry).optional(),
  corsOrigins: z.array(z.string()).optional(),
  allowedHosts: z.array(z.string()).optional(),
  catalogIgnore: z.array(z.string()).optional(),
  readOnly: z.boolean().optional(),
  opencodeBaseUrl: text,
  opencodeDirectory: text,
  opencodeUsername: text,
  opencodePassword: text,
  logFormat: z.enum(['pretty', 'text', 'human', 'json']).optional(),
  logRequests: z.boolean().optional(),
  authorizedRoots: z.array(z.string()).optional(),
})
export type ConfigFile = z.infer<typeof configFile>

/**
 * The settings file, or undefined when there is none. Throws `invalid_config` naming the file and the place when it
 * cannot be read, is not JSON, or holds a value of the wrong kind: a typing error must not silently open the server.
 */
export async function readConfigFile(path: string): Promise<ConfigFile | undefined> {
  let content: string
  try {
    content = await readFile(path, 'utf8')
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined
    throw new OpenworkError('invalid_config', `Cannot read ${path} (${systemCode(cause) ?? String(cause)})`, { cause })
  }
  const parsed = configFile.safeParse(await parseJsonAt(path, content))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const place = issue?.path.map(key => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('') ?? ''
  throw new OpenworkError('invalid_config', `${path}: ${place.replace(/^\./, '') || 'content'}: ${issue?.message}`)
}

async function parseJsonAt(path: string, content: string): Promise<unknown> {
  if (content.trim() === '') return {}
  try {
    return JSON.parse(content)
  } catch (cause) {
    // Only now: it finds the place, which JSON.parse does not tell under Bun.
    const { parse, printParseErrorCode } = await import('jsonc-parser')
    const errors: import('jsonc-parser').ParseError[] = []
    parse(content, errors, { disallowComments: true })
    const [first] = errors
    const before = content.slice(0, first?.offset ?? 0).split('\n')
    const place = `${path}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`
    throw new OpenworkError(
      'invalid_config',
      `${place}: not JSON (${first ? jsonMistake(printParseErrorCode(first.error)) : cause})`,
      {
        cause,
      },
    )
  }
}

/** The lock of a server that was killed is taken over after this; waiting for a lock outlasts it. */
const LOCK_STALE_MS = 3_000
const LOCK_WAIT_MS = 7_000
const LOCK_RETRY_MS = 20

/** What is kept in the settings file of what clients manage. */
export type ManagedSettings = { workspaces: readonly WorkspaceEntry[]; authorizedRoots: readonly string[] }

/**
 * Puts the managed settings into the file, if there is one; its other keys stay. Several servers may do so at once: the
 * last one wins, and nobody sees half a file. Resolves to whether there was a file. Throws `invalid_config`,
 * `config_file_unusable`.
 */
export async function writeManagedSettings(path: string, managed: ManagedSettings): Promise<boolean> {
  if ((await readConfigFile(path)) === undefined) return false
  try {
    const release = await lockFile(path)
    try {
      await replaceManaged(path, managed)
    } finally {
      await release().catch(() => {}) // it is taken over when it is stale
    }
  } catch (cause) {
    if (cause instanceof OpenworkError || systemCode(cause) === undefined) throw cause
    throw new OpenworkError('config_file_unusable', `Cannot change ${path} (${systemCode(cause)})`, { cause })
  }
  return true
}

/** Waits for another server that holds it, and for nothing else. Throws system errors, `ELOCKED` when that takes too long. */
async function lockFile(path: string): Promise<() => Promise<void>> {
  const { lock } = await import('proper-lockfile')
  const deadlineMs = performance.now() + LOCK_WAIT_MS
  for (;;) {
    try {
      return await lock(path, {
        stale: LOCK_STALE_MS,
        onCompromised: () => {}, // the write is one rename: at worst another server's is the last one
      })
    } catch (error) {
      if (systemCode(error) !== 'ELOCKED' || performance.now() > deadlineMs) throw error
      await Bun.sleep(LOCK_RETRY_MS)
    }
  }
}

async function replaceManaged(path: string, managed: ManagedSettings): Promise<void> {
  const { default: writeFileAtomic } = await import('write-file-atomic')
  const content = await parseJsonAt(path, await readFile(path, 'utf8'))
  const settings = { ...(content as Record<string, unknown>), ...managed }
  const text = `${JSON.stringify(settings, null, 2)}\n`
  await writeFileAtomic(path, text, holdsSecrets(settings) ? { mode: 0o600 } : {})
}

/** Whoever can read the file could then use the server, or an opencode. */
const holdsSecrets = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.entries(value).some(([key, member]) => (SECRET_KEYS.has(key) && Boolean(member)) || holdsSecrets(member))

const SECRET_KEYS: ReadonlySet<string> = new Set(['token', 'hostToken', 'openworkToken', 'opencodePassword'])
