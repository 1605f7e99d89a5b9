import { checkDataDir } from '../../orchestrator/data-dir.ts'
import type { StartOptions } from '../../orchestrator/options.ts'
import { findWorkspace } from '../../orchestrator/workspace.ts'

/**
 * Refuses before anything is written or started what a host would refuse first.
 * @throws OpenworkError workspace_not_found, workspace_not_a_folder, workspace_unusable, data_dir_unusable
 */
export function refuseUnusable({
  workspace,
  createWorkspace,
  dataDir,
}: Pick<StartOptions, 'workspace' | 'createWorkspace' | 'dataDir'>): void {
  findWorkspace(workspace, createWorkspace)
  checkDataDir(dataDir) // what it warns of, the host does too
}
