import { systemCode } from './errors.ts'

/** Whether there is a process of this id, which need not be the one that had it before. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) === 'EPERM' // it runs, as someone else
  }
}
