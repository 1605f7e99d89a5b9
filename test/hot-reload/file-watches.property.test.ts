import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { seededRandom } from '../fixtures/random.ts'
import { until, watching } from './watching.ts'

const SEEDS = [1, 2, 3, 4, 5, 6]
const BURSTS = 25
const MAX_OPERATIONS = 8

const FOLDERS = [
  '.opencode',
  '.opencode/command',
  '.opencode/command/git',
  '.opencode/agents',
  '.opencode/skills/s',
  'out',
]
const FILES = [
  '.opencode/command/a.md',
  '.opencode/command/git/b.md',
  '.opencode/agents/c.md',
  '.opencode/skills/s/SKILL.md',
  '.opencode/tools/t.ts',
  'opencode.jsonc',
  'AGENTS.md',
  'out/command/a.md',
]

/** What an instance of opencode would read there, by the simplest means. */
function contentsIn(directory: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = relative(directory, join(entry.parentPath, entry.name))
    const isRead =
      /^\.opencode\/(?:command|agents)\/.*\.md$|^\.opencode\/skills\/.*SKILL\.md$|^\.opencode\/tools\//.test(path) ||
      ['opencode.jsonc', 'AGENTS.md'].includes(path)
    if (isRead && entry.isFile()) found.set(path, readFileSync(join(directory, path), 'utf8'))
  }
  return found
}

function differences(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): string[] {
  const paths = [...new Set([...before.keys(), ...now.keys()])].sort()
  return paths.flatMap(path => {
    if (before.get(path) === now.get(path)) return []
    return [`${before.has(path) ? (now.has(path) ? 'changed' : 'removed') : 'added'} ${path}`]
  })
}

/** Does something at random that a person, an editor or git would do. */
function operate(directory: string, random: () => number): void {
  const pick = (from: readonly string[]): string => join(directory, from[Math.floor(random() * from.length)] ?? '')
  const file = pick(FILES)
  const text = file.endsWith('.jsonc') ? `{"username":"${Math.floor(random() * 3)}"}` : `${Math.floor(random() * 3)}`
  const put = (path: string): void => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  const operations = [
    () => put(file),
    () => put(file),
    () => {
      put(`${file}.tmp`)
      renameSync(`${file}.tmp`, file)
    },
    () => rmSync(file, { force: true }),
    () => rmSync(pick(FOLDERS), { recursive: true, force: true }),
    () => {
      const [from, to] = [pick(FOLDERS), pick(FOLDERS)]
      if (!existsSync(from) || existsSync(to) || to.startsWith(from)) return
      mkdirSync(dirname(to), { recursive: true })
      renameSync(from, to)
    },
  ]
  operations[Math.floor(random() * operations.length)]?.()
}

for (const seed of SEEDS)
  test(`whatever happens to the files, a hint comes and a look tells exactly what differs (seed ${seed})`, async () => {
    const random = seededRandom(seed)
    await using on = await watching()
    let accepted = contentsIn(on.directory)
    let looked = accepted
    for (let burst = 0; burst < BURSTS; burst++) {
      const hints = on.hints
      for (let left = 1 + random() * MAX_OPERATIONS; left > 1; left--) operate(on.directory, random)
      const now = contentsIn(on.directory)
      if (differences(looked, now).length > 0) await until(`a hint in burst ${burst}`, () => on.hints > hints)

      const look = await on.watch.look()

      const told = look.changes.map(({ action, path }) => `${action} ${relative(on.directory, path)}`)
      expect(told).toEqual(differences(accepted, now))
      looked = now
      if (random() < 0.5) {
        on.watch.accept(look)
        accepted = now
      }
    }
  })
