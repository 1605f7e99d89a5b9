import { isDeepStrictEqual } from 'node:util'
import type { ConfigPatch } from '../api/config.ts'
import type { Workspace } from '../api/workspaces.ts'
import { OpenworkError } from '../shared/errors.ts'
import { editJsonc, type JsoncEdit, type JsoncObject, parseJsonc } from '../shared/jsonc.ts'
import { requireFolder } from './files/safe-path.ts'
import { readText, type WorkspaceText, writeText } from './workspace-text.ts'

/** In the order opencode looks for them. */
const OPENCODE_FILES = ['opencode.jsonc', 'opencode.json', '.opencode/opencode.jsonc', '.opencode/opencode.json']
const NEW_OPENCODE_FILE = 'opencode.jsonc'
export const OPENWORK_FILE = '.opencode/openwork.json'

const CONFIG_SCHEMA = 'https://opencode.ai/config.json'

/** How often a patch is made anew on a file that somebody else changed in the same moment. */
const ATTEMPTS = 5

type ProjectConfig = { opencode: JsoncObject; openwork: JsoncObject }

type SettingsFile = {
  /** Relative to the workspace. */
  name: string
  found: WorkspaceText | undefined
  value: JsoncObject
}

/** A project's own settings; missing files read as `{}`. Throws `invalid_jsonc` for a broken one, `invalid_path`. */
export async function readProjectConfig({ path }: Workspace): Promise<ProjectConfig> {
  if (path === '') return { opencode: {}, openwork: {} } // a remote workspace: its files are elsewhere
  const [opencode, openwork] = await Promise.all([findOpencodeFile(path), openSettings(path, OPENWORK_FILE)])
  return { opencode: opencode.value, openwork: openwork.value }
}

/** A file that a patch would change. */
export type PlannedEdit = {
  /** Relative to the workspace. */
  name: string
  /** Whether opencode reads it, or only OpenWork programs do. */
  forOpencode: boolean
  keys: readonly string[]
  edited: string
  found: WorkspaceText | undefined
}

/**
 * What a patch changes in the files as they are now: nothing where they say already what is asked for. Throws
 * `invalid_jsonc` for a broken file, `invalid_path`, `workspace_not_a_folder` for a remote workspace.
 */
export async function planConfigPatch(workspace: Workspace, patch: ConfigPatch): Promise<PlannedEdit[]> {
  const root = requireFolder(workspace)
  const planned = await Promise.all([
    patch.opencode && planEdit(await findOpencodeFile(root), opencodeEdits(patch.opencode)),
    patch.openwork && planEdit(await openSettings(root, OPENWORK_FILE), openworkEdits(patch.openwork)),
  ])
  return planned.filter(edit => edit !== undefined)
}

/** What `editsOf` makes of the opencode settings of a folder; undefined when nothing. Throws `invalid_jsonc`. */
export const planSettings = async (root: string, editsOf: EditOf): Promise<PlannedEdit | undefined> =>
  planEdit(await findOpencodeFile(root), editsOf)

/** Changes of one workspace's settings follow each other, whoever asks for them. */
export class ProjectConfigs {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Makes a patch in the files as they are then; returns what it changed. Throws as `planConfigPatch`, and `conflict`. */
  patch(workspace: Workspace, patch: ConfigPatch): Promise<PlannedEdit[]> {
    const { id } = workspace
    const before = this.#last.get(id) ?? Promise.resolve()
    const work = before.then(() => patchFiles(workspace, patch))
    const settled = work.catch(() => {}) // its own caller is told; the next one does not depend on it
    this.#last.set(id, settled)
    void settled.then(() => {
      if (this.#last.get(id) === settled) this.#last.delete(id)
    })
    return work
  }
}

async function patchFiles(workspace: Workspace, patch: ConfigPatch): Promise<PlannedEdit[]> {
  const done = new Map<string, PlannedEdit>()
  for (let attempt = 1; ; attempt += 1) {
    try {
      for (const edit of await planConfigPatch(workspace, patch)) {
        await writeText(requireFolder(workspace), edit.name, edit.edited, edit.found)
        done.set(edit.name, edit)
      }
      return [...done.values()]
    } catch (error) {
      // An editor was faster: what was asked for is asked of the file as it is now.
      if (!(error instanceof OpenworkError) || error.code !== 'conflict' || attempt === ATTEMPTS) throw error
    }
  }
}

async function findOpencodeFile(root: string): Promise<SettingsFile> {
  for (const name of OPENCODE_FILES) {
    const file = await openSettings(root, name)
    if (file.found) return file
  }
  return { name: NEW_OPENCODE_FILE, found: undefined, value: {} }
}

async function openSettings(root: string, name: string): Promise<SettingsFile> {
  const found = await readText(root, name)
  return { name, found, value: found ? await parseJsonc(name, found.text) : {} }
}

type EditOf = (value: JsoncObject) => JsoncEdit[]

/** Keys of a patch that are there already, with the same value, are no edits. */
async function planEdit({ name, found, value }: SettingsFile, editsOf: EditOf): Promise<PlannedEdit | undefined> {
  const edits = editsOf(value)
  if (edits.length === 0) return undefined
  const isNew = !found && name === NEW_OPENCODE_FILE
  const schema: JsoncEdit[] = isNew ? [{ path: ['$schema'], value: CONFIG_SCHEMA }] : []
  const edited = await editJsonc(found?.text ?? '', [...schema, ...edits])
  return { name, forOpencode: name !== OPENWORK_FILE, keys: edits.map(({ path }) => path.join('.')), edited, found }
}

const opencodeEdits =
  (patch: JsoncObject): EditOf =>
  current =>
    Object.entries(patch).flatMap(([key, value]): JsoncEdit[] => {
      if (key === 'permission') return permissionEdits(value, current.permission)
      if (value === null) return Object.hasOwn(current, key) ? [{ path: [key], value: undefined }] : []
      return isDeepStrictEqual(current[key], value) ? [] : [{ path: [key], value }]
    })

/** A client says which other folders the agent may go to, and nothing else of what it may do. */
function permissionEdits(wanted: unknown, current: unknown): JsoncEdit[] {
  if (!isObject(wanted) || !Object.hasOwn(wanted, 'external_directory')) return []
  const { external_directory: value } = wanted
  if (isObject(current)) {
    if (value === null)
      return Object.hasOwn(current, 'external_directory')
        ? [{ path: ['permission', 'external_directory'], value: undefined }]
        : []
    const isThere = isDeepStrictEqual(current.external_directory, value)
    return isThere ? [] : [{ path: ['permission', 'external_directory'], value }]
  }
  if (value === null) return []
  // One word for everything is short for this.
  const rest = current === undefined || current === null ? {} : { '*': current }
  return [{ path: ['permission'], value: { ...rest, external_directory: value } }]
}

const openworkEdits =
  (patch: JsoncObject): EditOf =>
  current =>
    Object.entries(patch).flatMap(([key, value]): JsoncEdit[] =>
      Object.hasOwn(current, key) && isDeepStrictEqual(current[key], value) ? [] : [{ path: [key], value }],
    )

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
