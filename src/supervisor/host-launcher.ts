import { existsSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { systemCode } from '../shared/errors.ts'
import { type Launcher, type LaunchHooks, plainEnvironment, SpawnError } from './launcher.ts'
import { LineSplitter } from './lines.ts'
import { pause } from './pause.ts'
import { clearGroup, processGroup } from './process-group.ts'
import type { ServiceExit, ServiceSpec } from './service.ts'
import {
  killMarked,
  killMarkedNow,
  MARKER_VARIABLE,
  type Marked,
  markerPrefix,
  spawnMarker,
  untilGone,
} from './spawn-marker.ts'

/** Bytes of one child's stream taken before timers and other sockets get their turn. */
const READ_TURN_BYTES = 256 * 1024

/** How long the last output may take once everything that could write it was killed. */
const LAST_OUTPUT_LIMIT_MS = 100

/** Retrying cannot help before someone changes a file. Others, like EAGAIN or ETXTBSY, pass. */
const PERMANENT: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file, or its interpreter is missing',
  EACCES: 'it is not executable for this user',
  EPERM: 'this user may not run it',
  ENOEXEC: 'it is not a program for this machine',
  ENOTDIR: 'a part of its path is not a folder',
  ELOOP: 'its path is a loop of links',
  E2BIG: 'its arguments and environment are too long',
}

/**
 * Starts services as processes of this machine, each in a session and group of its own so that a terminal's ^C does not
 * reach it, with the pipes and the environment its spec asks for and nothing else.
 */
export const hostLauncher = (): Launcher => ({
  launch(spec, { nonce, generation }, hooks) {
    const child = spawnChild(spec, spawnMarker(nonce, spec.name, generation), hooks)
    const output = [
      readLines(child.stdout, text => hooks.line('stdout', text)),
      readLines(child.stderr, text => hooks.line('stderr', text)),
    ]
    const ofService = markerPrefix(nonce, spec.name)
    const dying: Marked[] = []
    let groupIsGone = false // and its number free for others
    return {
      pid: child.pid,
      signal: signal => processGroup.signal(child.pid, signal),
      killNow() {
        if (!groupIsGone) processGroup.kill(child.pid)
        dying.push(...killMarkedNow(ofService))
      },
      async sweep(graceMs) {
        await clearGroup(child.pid, graceMs)
        groupIsGone = true
        child.stdin?.end()
        await killMarked(ofService)
        await untilGone(dying)
        await lastOutput(output)
      },
    }
  },
})

function spawnChild(spec: ServiceSpec, marker: string, hooks: LaunchHooks) {
  const [program] = spec.argv
  try {
    return Bun.spawn([...spec.argv], {
      argv0: spec.argv0 ?? program,
      cwd: spec.cwd,
      env: {
        ...plainEnvironment(spec.env),
        [MARKER_VARIABLE]: marker,
        ...(spec.parentWatch === 'pipe' ? { OPENWORK_PARENT_WATCH: 'stdin' } : {}),
      },
      detached: true,
      windowsHide: true,
      stdin: spec.parentWatch === 'pipe' ? 'pipe' : 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      onExit: ({ exitCode, signalCode }) => hooks.exited(exitOf(exitCode, signalCode)),
    })
  } catch (cause) {
    const code = systemCode(cause)
    if (!code) throw cause
    // posix_spawn blames the program when it is the folder that is missing.
    if (code === 'ENOENT' && !existsSync(spec.cwd))
      throw new SpawnError(`ENOENT: its folder ${spec.cwd} does not exist`, { permanent: true, cause })
    const explained = PERMANENT[code] ?? (cause instanceof Error ? cause.message : code)
    throw new SpawnError(`${code}: cannot start ${program}, ${explained}`, { permanent: code in PERMANENT, cause })
  }
}

/** A signal without a name (a real-time one) is told as a shell does. */
const exitOf = (code: number | null, signal: NodeJS.Signals | number | null): ServiceExit =>
  typeof signal === 'number' ? { code: 128 + signal, signal: null } : { code, signal }

type Reading = { done: Promise<void>; cancel(): Promise<void> }

/** Reads as fast as lines can be handed on; when they cannot, the pipe fills and the child waits. */
function readLines(stream: ReadableStream<Uint8Array>, line: (text: string) => void): Reading {
  const reader = stream.getReader()
  const splitter = new LineSplitter(line)
  const nextChunk = async (): Promise<Uint8Array | undefined> => {
    try {
      return (await reader.read()).value
    } catch {
      return undefined // a pipe that breaks has ended
    }
  }
  const read = async (): Promise<void> => {
    let turnBytes = 0
    for (let chunk = await nextChunk(); chunk; chunk = await nextChunk()) {
      splitter.push(chunk)
      turnBytes += chunk.byteLength
      if (turnBytes < READ_TURN_BYTES) continue
      turnBytes = 0
      await setImmediate()
    }
    splitter.end()
  }
  return { done: read(), cancel: () => reader.cancel() }
}

/** What still comes of the output. A process that we cannot find may hold it open for ever: then it is let go. */
async function lastOutput(readings: readonly Reading[]): Promise<void> {
  const ended = new AbortController()
  const all = Promise.allSettled(readings.map(({ done }) => done)).then(() => ended.abort())
  await Promise.race([all, pause(LAST_OUTPUT_LIMIT_MS, ended.signal)])
  if (!ended.signal.aborted) await Promise.allSettled(readings.map(reading => reading.cancel()))
}
