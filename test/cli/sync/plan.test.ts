import { describe, expect, test } from 'bun:test'
import { type Action, type Direction, planSync, type SyncInput, type SyncPlan } from '../../../src/cli/sync/plan.ts'

const MAX = 100

/** Contents are one word per side; the remote revision of content `x` is `rx`. */
type Case = { local?: string; remote?: string; synced?: string }

function plan(direction: Direction, cases: Record<string, Case>, more: Partial<SyncInput> = {}): SyncPlan {
  const side = <File>(pick: (of: Case) => string | undefined, file: (content: string) => File): Map<string, File> =>
    new Map(
      Object.entries(cases).flatMap(([path, of]) => {
        const content = pick(of)
        return content === undefined ? [] : [[path, file(content)] as const]
      }),
    )
  return planSync({
    direction,
    local: side(
      of => of.local,
      hash => ({ hash, size: hash.length }),
    ),
    remote: side(
      of => of.remote,
      content => ({ revision: `r${content}`, size: content.length }),
    ),
    synced: side(
      of => of.synced,
      hash => ({ hash, revision: `r${hash}` }),
    ),
    unknown: [],
    deletes: true,
    maxBytes: MAX,
    ...more,
  })
}

const TABLE: [string, Case, { up: Action['do'] | 'nothing'; down: Action['do'] | 'nothing' }][] = [
  ['new here', { local: 'a' }, { up: 'create', down: 'skip' }],
  ['new there', { remote: 'a' }, { up: 'skip', down: 'create' }],
  ['the same on both sides, and no sync knows it', { local: 'a', remote: 'a' }, { up: 'compare', down: 'compare' }],
  ['different, and no sync knows it', { local: 'a', remote: 'b' }, { up: 'compare', down: 'compare' }],
  ['unchanged', { local: 'a', remote: 'a', synced: 'a' }, { up: 'nothing', down: 'nothing' }],
  ['changed here', { local: 'b', remote: 'a', synced: 'a' }, { up: 'update', down: 'compare' }],
  ['changed there', { local: 'a', remote: 'b', synced: 'a' }, { up: 'compare', down: 'update' }],
  ['changed on both sides', { local: 'b', remote: 'c', synced: 'a' }, { up: 'compare', down: 'compare' }],
  ['deleted here', { remote: 'a', synced: 'a' }, { up: 'delete', down: 'create' }],
  ['deleted there', { local: 'a', synced: 'a' }, { up: 'create', down: 'delete' }],
  ['deleted here, changed there', { remote: 'b', synced: 'a' }, { up: 'skip', down: 'create' }],
  ['deleted there, changed here', { local: 'b', synced: 'a' }, { up: 'create', down: 'skip' }],
  ['gone on both sides', { synced: 'a' }, { up: 'nothing', down: 'nothing' }],
]

describe.each(['up', 'down'] as const)('%s', direction => {
  test.each(TABLE)('a file %s', (_name, of, expected) => {
    const { actions } = plan(direction, { 'f.md': of, other: { local: 'o', remote: 'o', synced: 'o' } })
    expect(actions.map(action => action.do)).toEqual(expected[direction] === 'nothing' ? [] : [expected[direction]])
  })

  test('nothing is deleted unless that was asked for', () => {
    const cases = { a: { local: 'x', synced: 'x' }, b: { remote: 'x', synced: 'x' } }
    const { actions, extra } = plan(direction, cases, { deletes: false })
    expect([actions.map(action => action.do), extra]).toEqual([['create'], 1])
  })

  test('an empty source deletes nothing', () => {
    const all = { a: { local: 'x', remote: 'x', synced: 'x' }, b: { local: 'y', remote: 'y', synced: 'y' } }
    const { actions } = plan(direction, all, { [direction === 'up' ? 'local' : 'remote']: new Map() })
    expect(actions).toEqual(['a', 'b'].map(path => ({ do: 'skip', path, reason: 'not deleted: the source is empty' })))
  })

  test('a large file of the target is replaced only where it can be kept as a copy', () => {
    const side = direction === 'up' ? 'remote' : 'local'
    const cases = { big: { local: 'x', remote: 'x', [side]: 'y'.repeat(MAX + 1) } }
    expect(plan(direction, cases).actions.map(action => action.do)).toEqual([direction === 'up' ? 'skip' : 'compare'])
  })

  test('what could not be looked at is left alone, with all below it', () => {
    const cases = {
      'secret/a': { local: 'x', remote: 'x', synced: 'x' },
      secret: { remote: 'x', synced: 'x' },
      'secrets/a': { local: 'n', remote: 'n', synced: 'n' },
    }
    const unknown = [{ do: 'skip', path: 'secret', reason: 'EACCES' } as const]
    expect(plan(direction, cases, { unknown }).actions).toEqual(unknown)
    const lost = { 'secret/a': direction === 'up' ? { remote: 'x', synced: 'x' } : { local: 'x', synced: 'x' } }
    expect(plan(direction, lost, { unknown }).actions).toEqual(unknown)
  })

  test('a file that is too large at the source is left out', () => {
    const cases = { big: direction === 'up' ? { local: 'x'.repeat(MAX + 1) } : { remote: 'x'.repeat(MAX + 1) } }
    expect(plan(direction, cases).actions).toEqual([{ do: 'skip', path: 'big', reason: 'larger than 100 bytes' }])
  })

  test('a file is not put where the other side has a folder, nor a folder where it has a file', () => {
    const [source, target] = direction === 'up' ? (['local', 'remote'] as const) : (['remote', 'local'] as const)
    const cases = {
      a: { [source]: 'x' },
      'a/b': { [target]: 'x' },
      'c/d/e': { [source]: 'x' },
      'c/d': { [target]: 'x' },
    }
    const { actions } = plan(direction, cases, { deletes: false })
    expect(actions).toEqual([
      { do: 'skip', path: 'a', reason: 'there is a folder of this name on the other side' },
      { do: 'skip', path: 'c/d/e', reason: 'c/d is a file on the other side' },
    ])
  })

  test('applying a plan leaves nothing to do', () => {
    const letters = ['a', 'b', 'c', undefined]
    const cases = Object.fromEntries(
      letters.flatMap(local =>
        letters.flatMap(remote =>
          letters.map(synced => [
            `${local}${remote}${synced}`,
            { ...(local && { local }), ...(remote && { remote }), ...(synced && { synced }) },
          ]),
        ),
      ),
    ) as Record<string, Case>
    for (const action of plan(direction, cases).actions) {
      const content = direction === 'up' ? cases[action.path]?.local : cases[action.path]?.remote
      if (action.do === 'delete') cases[action.path] = {}
      else if (action.do !== 'skip' && content)
        cases[action.path] = { local: content, remote: content, synced: content }
    }
    expect(plan(direction, cases, { deletes: false }).actions).toEqual([])
  })
})
