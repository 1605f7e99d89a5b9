import type { OperationItem, OperationRequest } from '../../api/files.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { FileChanges, Target } from './file-changes.ts'
import { failedItem } from './item-failure.ts'
import { absolutePathOf, findRelativePath, invalidPath } from './safe-path.ts'

export type PlannedOperation =
  | { type: 'mkdir'; path: string; absolute: readonly string[] }
  | { type: 'delete'; path: string; absolute: readonly string[]; recursive: boolean }
  | { type: 'rename'; from: string; to: string; absolute: readonly string[]; overwrite: boolean }
  | { type: 'unknown'; name: string; absolute: readonly [] }

/** What a batch of operations would do, nothing done yet. Throws `invalid_path` when any path is refused. */
export const planOperations = (root: string, operations: readonly OperationRequest[]): Promise<PlannedOperation[]> =>
  Promise.all(operations.map(operation => planOperation(root, operation)))

async function planOperation(root: string, operation: OperationRequest): Promise<PlannedOperation> {
  const place = async (name: 'path' | 'from' | 'to'): Promise<{ path: string; absolute: string }> => {
    const input = operation[name]
    if (typeof input !== 'string') throw invalidPath('', `${operation.type} needs a text "${name}"`)
    const path = await findRelativePath(root, input)
    return { path, absolute: await absolutePathOf(root, path) }
  }
  switch (operation.type) {
    case 'mkdir': {
      const { path, absolute } = await place('path')
      return { type: 'mkdir', path, absolute: [absolute] }
    }
    case 'delete': {
      const { path, absolute } = await place('path')
      return { type: 'delete', path, absolute: [absolute], recursive: operation.recursive === true }
    }
    case 'rename': {
      const [from, to] = [await place('from'), await place('to')]
      const absolute = [from.absolute, to.absolute]
      return { type: 'rename', from: from.path, to: to.path, absolute, overwrite: operation.overwrite === true }
    }
    default:
      return { type: 'unknown', name: operation.type, absolute: [] }
  }
}

/** For people: what the host is asked, and what the audit says. */
export function describeOperation(plan: PlannedOperation): string {
  switch (plan.type) {
    case 'mkdir':
      return `make ${plan.path}`
    case 'delete':
      return `delete ${plan.path}${plan.recursive ? ' with all that is in it' : ''}`
    case 'rename':
      return `rename ${plan.from} to ${plan.to}${plan.overwrite ? ', replacing what is there' : ''}`
    case 'unknown':
      return plan.name
  }
}

/** Carries out planned operations in their order. One that fails does not hold up the next. */
export async function applyOperations(
  changes: FileChanges,
  target: Target,
  plans: readonly PlannedOperation[],
): Promise<OperationItem[]> {
  const items: OperationItem[] = []
  for (const plan of plans) items.push(await applyOperation(changes, target, plan))
  return items
}

async function applyOperation(changes: FileChanges, target: Target, plan: PlannedOperation): Promise<OperationItem> {
  try {
    switch (plan.type) {
      case 'mkdir':
        await changes.mkdir(target, plan.path)
        return { ok: true, type: 'mkdir', path: plan.path }
      case 'delete':
        await changes.delete(target, plan.path, plan)
        return { ok: true, type: 'delete', path: plan.path }
      case 'rename': {
        const { from, to } = plan
        return { ok: true, type: 'rename', from, to, revision: await changes.rename(target, from, to, plan) }
      }
      case 'unknown':
        throw new OpenworkError('invalid_operation', `There is no operation ${JSON.stringify(plan.name)}`)
    }
  } catch (error) {
    return failedItem(about(plan), error, 'operation_failed')
  }
}

const about = (plan: PlannedOperation): Record<string, string> => {
  if (plan.type === 'unknown') return { type: plan.name }
  return plan.type === 'rename'
    ? { type: 'rename', from: plan.from, to: plan.to }
    : { type: plan.type, path: plan.path }
}
