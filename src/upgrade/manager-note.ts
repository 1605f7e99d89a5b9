import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { isSameProcess, machineId, startTimeOf } from '../supervisor/process-identity.ts'
import type { Manager } from './managers.ts'

/** The package manager that works for an upgrade: it goes on when the openwork that called it was ended. */
const noteFile = (scratchDir: string): string => join(scratchDir, 'manager.json')

/** Runs `work`, which tells the pid of the manager that it starts; that is written down until `work` has ended. */
export async function whileNoted<Result>(
  scratchDir: string,
  manager: Manager,
  work: (onStarted: (pid: number) => void) => Promise<Result>,
): Promise<Result> {
  let noted: Promise<void> | undefined
  try {
    return await work(pid => {
      noted = note(scratchDir, manager, pid).catch((error: unknown) => {
        if (systemCode(error) === undefined) throw error // a full disk is no reason to end what has begun
      })
    })
  } finally {
    await noted
    await rm(noteFile(scratchDir), { force: true })
  }
}

async function note(scratchDir: string, manager: Manager, pid: number): Promise<void> {
  const { default: writeFileAtomic } = await import('write-file-atomic')
  const facts = { manager, pid, startTime: await startTimeOf(pid), machine: machineId() }
  await writeFileAtomic(noteFile(scratchDir), `${JSON.stringify(facts)}\n`, { mode: 0o600 })
}

/**
 * Two managers in one folder destroy what the other one does.
 * @throws OpenworkError `upgrade_not_possible` while one of an earlier upgrade runs
 */
export async function requireNoManager(scratchDir: string): Promise<void> {
  const { manager, pid, startTime, machine } = await readNote(noteFile(scratchDir))
  if (typeof pid !== 'number' || typeof startTime !== 'string' || machine !== machineId()) return
  if (!(await isSameProcess(pid, startTime))) return
  throw new OpenworkError('upgrade_not_possible', `${manager} (pid ${pid}) still runs for an upgrade that was ended`, {
    hint: 'Call `openwork upgrade` again when it has ended.',
    details: { pid },
  })
}

/** Empty when there is none that could be read. */
async function readNote(file: string): Promise<Record<string, unknown>> {
  try {
    return { ...JSON.parse(await readFile(file, 'utf8')) }
  } catch (error) {
    if (error instanceof SyntaxError || ['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return {}
    throw error
  }
}
