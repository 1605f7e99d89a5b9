import { DEFAULT_DATA_DIR_TEXT } from '../../orchestrator/follow-up.ts'
import { path } from '../kit/flags.ts'

/** Where hosts keep their tokens and records: a flag of every command that starts or finds them. */
export const dataDirFlag = path({
  group: 'Workspace',
  env: 'OPENWORK_DATA_DIR',
  default: DEFAULT_DATA_DIR_TEXT,
  summary: 'Folder for tokens, caches and the records of running hosts',
})
