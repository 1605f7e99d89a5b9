import { execFile } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'

/**
 * When a process started, as the operating system tells it: with the pid it names one process for ever, where a pid
 * alone is handed out again. Opaque; compare for equality only.
 */
export type StartTime = string

/** `ps` and PowerShell answer in well under this, or not at all. */
const ASK_LIMIT_MS = 10_000

/** Undefined when there is no such process, or only its zombie. */
export async function startTimeOf(pid: number): Promise<StartTime | undefined> {
  switch (process.platform) {
    case 'linux':
      return linuxProcess(pid)?.startTime
    case 'win32':
      return ask('powershell.exe', [
        '-NoProfile',
        '-NonInteractive',
        '-Command',
        `(Get-CimInstance Win32_Process -Filter "ProcessId=${pid}").CreationDate.ToFileTimeUtc()`,
      ])
    default:
      return ask('ps', ['-o', 'lstart=', '-p', String(pid)])
  }
}

export async function isSameProcess(pid: number, startTime: StartTime): Promise<boolean> {
  return (await startTimeOf(pid)) === startTime
}

export type LinuxProcess = { group: number; startTime: StartTime }

/** What /proc says about a process that runs; undefined when it is gone or a zombie. */
export function linuxProcess(pid: number): LinuxProcess | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined // ended meanwhile (ENOENT, ESRCH), or hidden from us (hidepid)
  }
  // The name is in parentheses and may hold spaces and parentheses itself: count from the last one (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, , group] = fields
  const ticks = fields[19] // field 22 of the line: clock ticks after boot
  if (!group || !ticks || state === 'Z' || state === 'X') return undefined
  return { group: Number(group), startTime: `${bootId()}:${ticks}` }
}

let knownBootId: string | undefined

/** Ticks count from boot: after a restart of the machine another process may have the same pid and ticks. */
function bootId(): string {
  knownBootId ??= textOf('/proc/sys/kernel/random/boot_id')
  return knownBootId
}

let knownMachineId: string | undefined

/**
 * Names this machine and pid namespace: in a folder shared with others (a network home, a volume of several containers)
 * their pids mean nothing here. Only Linux needs and has it.
 */
export function machineId(): string {
  knownMachineId ??= process.platform === 'linux' ? `${textOf('/etc/machine-id')} ${pidNamespace()}` : ''
  return knownMachineId
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return '' // gVisor has none
  }
}

/** Empty where there is no such file: not every system has every one of them. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim()
  } catch {
    return ''
  }
}

function ask(program: string, args: readonly string[]): Promise<string | undefined> {
  const options = { timeout: ASK_LIMIT_MS, windowsHide: true, env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } }
  return new Promise(resolve => {
    // Both programs fail when there is no such process.
    execFile(program, args, options, (error, stdout) => resolve(error ? undefined : stdout.trim() || undefined))
  })
}
