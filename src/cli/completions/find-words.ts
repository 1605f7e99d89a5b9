import { OpenworkError } from '../../shared/errors.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import type { Context } from '../kit/context.ts'
import type { Program } from '../kit/define.ts'
import { readFlags } from '../kit/values.ts'
import { type Candidate, type FindWords, ownWords } from './complete.ts'

type Place = Pick<Context, 'env' | 'cwd' | 'home'>

const SERVICES: readonly Candidate[] = [
  { word: 'opencode', summary: 'The coding agent' },
  { word: 'openwork-server', summary: 'What clients reach' },
]

/** Where words of arguments and flags come from: files of this machine, its hosts, the daemon's list, our own tables. */
export const findWordsOf =
  (program: Program, place: Place): FindWords =>
  async (key, { path }, before) => {
    if (path.startsWith('files ') && key !== 'localFolder' && key !== 'file') return undefined // they are of the host
    switch (key) {
      case 'file':
      case 'output':
        return { candidates: [], shell: 'files' }
      case 'localFolder':
      case 'path':
        return { candidates: [], shell: 'folders' }
      case 'host':
      case 'hosts':
        return { candidates: await hostWords(place) }
      case 'service':
        return { candidates: SERVICES }
      case 'workspace':
        return { candidates: await workspaceWords(place), shell: 'folders' }
      case 'key': {
        const { loadAll } = await import('../config/check-settings.ts')
        const { settableNames } = await import('../config/parse-settings.ts')
        const names = new Set((await loadAll(program)).flatMap(({ flags }) => settableNames(flags)))
        return { candidates: [...names].map(word => ({ word, summary: '' })) }
      }
      case 'value': {
        const { flagsCalled, loadAll } = await import('../config/check-settings.ts')
        const [flag] = flagsCalled(await loadAll(program), before[0] ?? '')
        return flag && !flag.perCall ? ownWords(flag) : undefined
      }
      case 'command':
        return { candidates: visible(program).map(({ path, summary }) => ({ word: path, summary })) }
      case 'shell':
        return { candidates: ['bash', 'zsh', 'fish', 'powershell'].map(word => ({ word, summary: '' })) }
      case 'topic': {
        const { topics } = await import('../help/topics.ts')
        const names = new Set(visible(program).map(({ path }) => path.split(' ')[0] ?? ''))
        return {
          candidates: [
            ...topics.map(({ name, summary }) => ({ word: name, summary })),
            ...[...names].map(word => ({ word, summary: 'Commands' })),
          ],
        }
      }
    }
    return undefined
  }

const visible = ({ commands }: Program) => commands.filter(({ hidden }) => !hidden)

const dataDirOf = (place: Place): string =>
  readFlags({ dataDir: dataDirFlag }, new Map(), place).get('dataDir')?.value as string

/** A shell puts it into the line as it is: what it would take for more than a word, or for a flag, is not offered. */
const isPlain = ({ word }: Candidate): boolean => /^\w[\w.-]*$/.test(word)

async function hostWords(place: Place): Promise<Candidate[]> {
  const { listLocalHosts } = await import('../../orchestrator/local-hosts.ts')
  const hosts = await listLocalHosts(dataDirOf(place))
  return hosts
    .map(({ runId, serves, workspace, pid }) =>
      serves === 'listed'
        ? { word: 'daemon', summary: `pid ${pid}` }
        : { word: runId.slice(0, 8), summary: `${workspace}, pid ${pid}` },
    )
    .filter(isPlain)
}

async function workspaceWords(place: Place): Promise<Candidate[]> {
  const { daemonFiles } = await import('../../daemon/daemon-files.ts')
  const { readDaemonState } = await import('../../daemon/state-file.ts')
  try {
    const { workspaces } = await readDaemonState(daemonFiles(dataDirOf(place)).state)
    return workspaces.map(({ name, path }) => ({ word: name, summary: path })).filter(isPlain)
  } catch (error) {
    if (error instanceof OpenworkError) return [] // no list, no words
    throw error
  }
}
