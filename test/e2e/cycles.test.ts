import { expect, test } from 'bun:test'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { newWorld, type World } from './harness.ts'

/**
 * What stays from run to run, to the letter: the data dir and the workspace. The token store may say when it was written,
 * and journals may grow: that of the server, and opencode's own log and database in the home.
 */
const kept = (world: World): Record<string, string> =>
  Object.fromEntries(
    [world.dataDir, world.workspace].flatMap(folder =>
      readdirSync(folder, { recursive: true })
        .map(name => join(folder, String(name)))
        .filter(path => statSync(path).isFile() && !path.endsWith('.jsonl'))
        .map(path => [path, constantPartOf(readFileSync(path, 'utf8'))]),
    ),
  )

/**
 * Not the change time of the verified opencode, the last part of its fingerprint: all worlds run the one of this checkout,
 * and a test that links it into a cache of its own changes that time.
 */
const constantPartOf = (content: string): string =>
  content.replace(/(?<="updatedAt": )\d+/, 'then').replaceAll(/(?<="fingerprint": "[^"]*)\d+(?=")/g, 'then')

/** opencode 1.18.33 leaves a lock there when SIGTERM ends it, also when nothing of ours is involved; not every time. */
const LOCKS_OF_OPENCODE = 'home/.local/state/opencode/locks'

const ours = (world: World): string[] =>
  world.files().filter(path => path !== LOCKS_OF_OPENCODE && !path.startsWith(`${LOCKS_OF_OPENCODE}/`))

test('30 cycles leave no process and no file behind', async () => {
  await using world = await newWorld()
  const cycle = async (): Promise<void> => {
    const host = await world.serve()
    expect(await host.status('/opencode/session')).toBe(200)
    expect((await host.stop()).code).toBe(0)
  }
  await cycle() // makes what is there to stay: tokens, the note on the verified binary, opencode's own folders
  const files = ours(world)
  const contents = kept(world)

  for (let round = 0; round < 30; round++) await cycle()

  expect(world.processes()).toEqual([])
  expect(ours(world)).toEqual(files)
  expect(kept(world)).toEqual(contents)
}, 180_000)
