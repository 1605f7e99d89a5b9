import { expect } from 'bun:test'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { SourceEvent } from '../../src/dashboard/source.ts'
import type { Call } from '../fixtures/dashboard/scripted-source.ts'
import { Tmux, type TmuxOptions } from '../terminal/tmux.ts'

export const PROGRAM = resolve(import.meta.dir, '../fixtures/dashboard/program.ts')

/** The dashboard in a terminal, with the settings of the terminal written down before and after it. */
export async function openDashboard(options: TmuxOptions & { words?: readonly string[] } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-dashboard-'))
  const script = `stty -a > "$1/before"; "$2" "$3" "$1/control" $4; stty -a > "$1/after"; echo LEFT; read _`
  const words = (options.words ?? []).join(' ')
  const terminal = Tmux.start(['sh', '-c', script, 'sh', folder, process.execPath, PROGRAM, words], options)
  await terminal.shows(/All green|Host: ready/)
  const control = await readFile(join(folder, 'control'), 'utf8')
  const post = async (path: string, body: unknown = {}): Promise<void> => {
    const request = { method: 'POST', body: JSON.stringify(body), signal: AbortSignal.timeout(10_000) }
    expect((await fetch(control + path, request)).ok).toBe(true)
  }
  return {
    terminal,
    emit: (...events: SourceEvent[]) => post('/emit', events),
    approval: (id: string) => post('/approval', { id }),
    calls: async (): Promise<Call[]> => {
      const answer = await fetch(`${control}/calls`, { signal: AbortSignal.timeout(10_000) })
      return (await answer.json()) as Call[]
    },
    exit: () => post('/exit'),
    pid: () => pidOf(control),
    /** What it ended with. The terminal must be as it was: its modes, its cursor, the screen from before. */
    async ended(): Promise<unknown> {
      const screen = await terminal.shows('LEFT')
      expect(await readFile(join(folder, 'after'), 'utf8')).toBe(await readFile(join(folder, 'before'), 'utf8'))
      const flags = ['cursor_flag', 'alternate_on', 'wrap_flag'].map(flag => terminal.value(flag))
      expect(flags).toEqual(['1', '0', '1'])
      return JSON.parse(/END (\{[\s\S]*?\})\n/.exec(screen)?.[1]?.replaceAll('\n', '') ?? 'null')
    },
    async [Symbol.asyncDispose]() {
      await terminal[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export async function pidOf(control: string): Promise<number> {
  const answer = await fetch(`${control}/pid`, { signal: AbortSignal.timeout(10_000) })
  return Number(await answer.text())
}
