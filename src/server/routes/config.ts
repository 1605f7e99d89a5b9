import { join } from 'node:path'
import { configPatch, configPatched, workspaceConfig } from '../../api/config.ts'
import { ok } from '../../http/route.ts'
import { CHANGE_FAILS, change } from '../change.ts'
import { type PlannedEdit, planConfigPatch, readProjectConfig } from '../project-config.ts'
import { requireWorkspace, route } from '../services.ts'
import { visibleConfig } from '../visible-config.ts'

const FAILS = [
  'workspace_not_found',
  'workspace_unauthorized',
  'invalid_jsonc',
  'invalid_path',
  'file_too_large',
  'workspace_not_a_folder',
] as const

export const readConfig = route({
  method: 'GET',
  path: '/workspace/:id/config',
  summary: "The project's OpenCode and OpenWork settings",
  access: { auth: 'client' },
  reply: ok(workspaceConfig),
  fails: FAILS,
  handle: async ({ params: { id }, caller: { scope } }, services) => {
    const workspace = requireWorkspace(services, id)
    const { opencode, openwork } = await readProjectConfig(workspace)
    return {
      opencode: { ...visibleConfig(scope, opencode) },
      openwork: { ...visibleConfig(scope, openwork) },
      updatedAt: await services.audit.lastChangeAt(workspace),
    }
  },
})

/** Asks only for what the files do not say already. */
export const patchConfig = route({
  method: 'PATCH',
  path: '/workspace/:id/config',
  summary: "Replace keys of the project's settings; comments and other keys stay",
  access: { auth: 'client', scope: 'collaborator', writes: true },
  body: configPatch,
  reply: ok(configPatched),
  fails: [...FAILS, ...CHANGE_FAILS, 'invalid_json', 'invalid_payload', 'conflict', 'write_failed', 'disk_full'],
  handle: async (call, services) => {
    const { projectConfigs, reloadEvents, audit } = services
    const workspace = requireWorkspace(services, call.params.id)
    const inWorkspace = (name: string): string => join(workspace.path, name)
    const planned = await planConfigPatch(workspace, call.body)
    if (planned.length > 0) {
      const summary = `Change ${planned.map(describeEdit).join('; ')}`
      const question = { action: 'config.patch', summary, paths: planned.map(({ name }) => inWorkspace(name)) } as const
      await change(services, call, workspace, question, async () => {
        const done = await projectConfigs.patch(workspace, call.body)
        for (const { name } of done.filter(({ forOpencode }) => forOpencode))
          reloadEvents.note(workspace.id, {
            reason: 'config',
            trigger: { type: 'config', name, action: 'updated', path: inWorkspace(name) },
          })
        const notes = done.map(edit => ({
          action: 'config.patch',
          target: inWorkspace(edit.name),
          summary: `Changed ${describeEdit(edit)}`,
        }))
        return { result: undefined, audit: notes }
      })
    }
    return { updatedAt: (await audit.lastChangeAt(workspace)) ?? Date.now() }
  },
})

/** For people: whoever sends a thousand keys, or one of a thousand letters, is cut short. */
function describeEdit({ name, keys }: PlannedEdit): string {
  const shown = keys.slice(0, 8).map(key => (key.length > 60 ? `${key.slice(0, 60)}…` : key))
  const more = keys.length > shown.length ? ` and ${keys.length - shown.length} more` : ''
  return `${shown.join(', ')}${more} in ${name}`
}
