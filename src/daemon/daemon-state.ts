import { isAbsolute } from 'node:path'
import { z } from 'zod'
import { type DaemonWorkspace, daemonStatus, daemonWorkspace } from '../api/daemon.ts'

const { daemon, opencode, sidecar, binaries } = daemonStatus.shape

const workspaceRecord = z
  .looseObject({ ...daemonWorkspace.shape, id: z.string().min(1) })
  .refine(({ workspaceType, path, baseUrl }) =>
    workspaceType === 'local' ? isAbsolute(path) : baseUrl !== undefined && isRemoteUrl(baseUrl),
  )

/** One with credentials would be shown to everybody who may see the list. */
function isRemoteUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password } = new URL(text)
  return /^https?:$/.test(protocol) && username === '' && password === ''
}

const port = z.number().int().min(1).max(65_535).optional().catch(undefined)

const known = z.object({
  version: z.literal(1),
  /** While it runs; what a killed one left says nothing. See `findDaemon`. */
  daemon: daemon.unwrap().optional().catch(undefined),
  opencode: opencode.unwrap().optional().catch(undefined),
  cliVersion: z.string().optional().catch(undefined),
  sidecar: sidecar.unwrap().optional().catch(undefined),
  binaries: binaries.unwrap().optional().catch(undefined),
  /** Of its last life, so that clients find everything again where it was. */
  formerPorts: z.object({ daemon: port, opencode: port, openwork: port }).optional().catch(undefined),
  /** Empty: there is no workspace. */
  activeId: z.string(),
  workspaces: z.array(z.unknown()),
})

const stateFile = z.looseObject(known.shape)

/** Fields that other versions have put there are kept, in its workspaces too. */
export type DaemonState = Readonly<
  Omit<z.infer<typeof known>, 'workspaces'> & { workspaces: readonly DaemonWorkspace[] }
>

export const EMPTY_STATE: DaemonState = { version: 1, activeId: '', workspaces: [] }

/** The state a text holds, and how many of its workspaces are none; undefined when it is no state of this version. */
export function parseDaemonState(text: string): { state: DaemonState; bad: number } | undefined {
  const file = stateFile.safeParse(parseOrUndefined(text)).data
  if (!file) return undefined
  const byId = new Map<string, DaemonWorkspace>()
  let bad = 0
  for (const entry of file.workspaces) {
    const record = workspaceRecord.safeParse(entry).data
    if (!record) bad += 1
    else if (!byId.has(record.id)) byId.set(record.id, record)
  }
  const activeId = byId.has(file.activeId) ? file.activeId : (byId.keys().next().value ?? '')
  return { state: { ...file, activeId, workspaces: [...byId.values()] }, bad }
}

/** Of a daemon that does not run. */
export const forgetProcesses = (state: DaemonState): DaemonState =>
  state.daemon || state.opencode ? { ...state, daemon: undefined, opencode: undefined } : state

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // told as a file that is no state
  }
}
