import { existsSync } from 'node:fs'
import { parse } from 'node:path'
import { dataLayout } from '../../orchestrator/data-dir.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { Context } from '../kit/context.ts'
import { askConfirm, canAsk } from './prompts.ts'

/**
 * A person who starts in a home folder, or in the root of a disk, without naming it has mostly not changed folders yet:
 * the agent would have everything in it. Asked once for each folder.
 *
 * @throws OpenworkError interrupted when it was not meant
 */
export async function confirmFolder(
  { workspace, dataDir }: { workspace: string; dataDir: string },
  context: Context<'workspace'>,
): Promise<void> {
  if (context.source('workspace') !== 'default' || !canAsk(context)) return
  const isRoot = parse(workspace).root === workspace
  if (!isRoot && workspace !== context.home) return
  if (existsSync(dataLayout(dataDir, workspace).credentials)) return
  const what = isRoot ? 'the whole disk' : 'your whole home folder'
  const question = `Host ${what}, ${workspace}? The agent and paired devices get to all of it.`
  if (await askConfirm(question, context, { enter: false })) return
  throw new OpenworkError('interrupted', 'Nothing was started', {
    hint: 'Change to the folder of a project, or name it with --workspace.',
  })
}
