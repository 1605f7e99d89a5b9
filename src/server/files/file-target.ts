import type { Workspace } from '../../api/workspaces.ts'
import type { Services } from '../services.ts'
import type { Target } from './file-changes.ts'
import { requireFolder } from './safe-path.ts'

/** Where the changes of a workspace are made, and noted in its listing. Throws `workspace_not_a_folder`. */
export function targetIn({ fileIndexes }: Pick<Services, 'fileIndexes'>, workspace: Workspace): Target {
  const index = fileIndexes.of(workspace)
  return { root: requireFolder(workspace), note: change => void index.noteChange(change) }
}
