import { checkDataDir } from '../../orchestrator/data-dir.ts'
import type { StartOptions } from '../../orchestrator/options.ts'
import { findWorkspace } from '../../orchestrator/workspace.ts'
import type { Context } from '../kit/context.ts'

/**
 * Refuses before anything is written or started what a host would refuse first.
 * @throws OpenworkError workspace_not_found, workspace_not_a_folder, workspace_unusable, data_dir_unusable
 */
export function refuseUnusable(
  { workspace, createWorkspace, dataDir }: Pick<StartOptions, 'workspace' | 'createWorkspace' | 'dataDir'>,
  { output }: Pick<Context, 'output'>,
): void {
  findWorkspace(workspace, createWorkspace)
  const warning = checkDataDir(dataDir)
  if (warning !== undefined) output.note(warning)
}
