import { join } from 'node:path'
import { shellWord } from '../shared/shell-word.ts'
import type { HostPlan } from './plan.ts'

/** In the home folder. */
const DEFAULT_DATA_DIR = '.openwork/openwork-orchestrator'

/** As `--data-dir` has it when nobody says otherwise. */
export const DEFAULT_DATA_DIR_TEXT = `~/${DEFAULT_DATA_DIR}`

/** How a host is named in commands, and where they find it. */
export type HostName = Pick<HostPlan, 'runId' | 'serves'> & { dataDir: string; home: string }

/** A command about a host, as it is typed in any terminal: `openwork stop 1a2b3c4d`, `--data-dir` where it is needed. */
export const followUp = (command: string, { runId, serves, dataDir, home }: HostName): string =>
  `openwork ${command} ${serves === 'listed' ? 'daemon' : wordOf(runId)}${dataDirWords(dataDir, home)}`

/** What tells a command another data dir than it would use. */
export const dataDirWords = (dataDir: string, home: string): string =>
  dataDir === join(home, DEFAULT_DATA_DIR) ? '' : ` --data-dir ${shellWord(dataDir)}`

/** A run id of our own by its beginning, as people type it. */
const wordOf = (runId: string): string =>
  /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(runId) ? runId.slice(0, 8) : shellWord(runId)
