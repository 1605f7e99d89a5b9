import { basename } from 'node:path'
import { OpenworkError } from '../../shared/errors.ts'
import type { JsoncEdit, JsoncObject } from '../../shared/jsonc.ts'
import { OPENWORK_FILE, planSettings } from '../project-config.ts'
import { readText, writeText } from '../workspace-text.ts'
import { STARTER_FILES } from './texts.ts'

const AGENT = 'openwork'
const SCHEDULER_PLUGIN = 'opencode-scheduler'
const PRESETS_WITH_SCHEDULER: ReadonlySet<string> = new Set(['starter', 'automation'])
const BROWSER_SERVER = 'control-chrome'
const BROWSER_COMMAND = ['npx', '-y', 'chrome-devtools-mcp@latest']

/**
 * Gives a folder what a workspace of this preset begins with. Files that are there stay as they are; in the opencode
 * settings only what is missing is added, as a text edit. May run twice. Throws `invalid_jsonc` for broken settings,
 * before anything is written; `invalid_path` where a link leads out of the folder; system errors.
 */
export async function ensureStarterFiles(root: string, preset: string, nowMs: number): Promise<void> {
  const settings = await planSettings(root, value => settingsEdits(value, preset))
  for (const file of STARTER_FILES)
    if (file.preset === undefined || file.preset === preset) await ensureText(root, file.path, file.text)
  await ensureText(root, OPENWORK_FILE, `${JSON.stringify(openworkSettings(root, preset, nowMs), null, 2)}\n`)
  if (settings) await writeText(root, settings.name, settings.edited, settings.found)
}

async function ensureText(root: string, path: string, text: string): Promise<void> {
  if (await readText(root, path)) return
  try {
    await writeText(root, path, text, undefined)
  } catch (error) {
    // Somebody made it in this very moment: then it is there.
    if (!(error instanceof OpenworkError) || error.code !== 'conflict') throw error
  }
}

function settingsEdits(value: JsoncObject, preset: string): JsoncEdit[] {
  const edits: JsoncEdit[] = []
  const agent = value.default_agent
  if (agent === undefined || agent === null || (typeof agent === 'string' && agent.trim() === ''))
    edits.push({ path: ['default_agent'], value: AGENT })
  const plugins = value.plugin ?? []
  if (PRESETS_WITH_SCHEDULER.has(preset) && Array.isArray(plugins) && !plugins.some(isScheduler))
    edits.push({ path: ['plugin'], value: [...plugins, SCHEDULER_PLUGIN] })
  const servers = value.mcp ?? {}
  if (preset === 'starter' && isObject(servers) && !Object.hasOwn(servers, BROWSER_SERVER))
    edits.push({ path: ['mcp', BROWSER_SERVER], value: { type: 'local', command: BROWSER_COMMAND } })
  return edits
}

/** With or without a version. */
const isScheduler = (spec: unknown): boolean =>
  spec === SCHEDULER_PLUGIN || (typeof spec === 'string' && spec.startsWith(`${SCHEDULER_PLUGIN}@`))

const openworkSettings = (root: string, preset: string, createdAt: number): JsoncObject => ({
  version: 1,
  workspace: { name: basename(root), createdAt, preset },
  authorizedRoots: [root],
  blueprint: {
    emptyState: {
      title: 'What shall we do?',
      body: 'Say what you want to get done in this folder, or begin with /get-started.',
    },
    sessions: [],
  },
  reload: null,
})

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
