import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cp, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fetchRuntime } from '../../build/runtime.ts'
import { RUNTIMES, whyNoRuntimes } from '../fixtures/runtimes.ts'

const TARGET = 'bun-linux-arm64'
const missing = await whyNoRuntimes([TARGET])

describe.skipIf(missing !== undefined)(`a runtime that is kept${missing ? ` (${missing})` : ''}`, () => {
  let folder: string
  let original: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'openwork-runtime-'))
    original = await fetchRuntime(TARGET, RUNTIMES)
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  /** A copy of what is kept, in a folder of its own. */
  async function copy(): Promise<{ runtimes: string; runtime: string }> {
    const runtimes = await mkdtemp(join(folder, 'runtimes-'))
    const runtime = join(runtimes, relative(RUNTIMES, original))
    await cp(dirname(original), dirname(runtime), { recursive: true })
    return { runtimes, runtime }
  }

  test('is used as it is', async () => {
    const { runtimes, runtime } = await copy()
    const { ino } = await stat(runtime)

    expect(await fetchRuntime(TARGET, runtimes)).toBe(runtime)
    expect((await stat(runtime)).ino).toBe(ino)
  })

  test.each<[string, (runtime: string) => Promise<void>]>([
    ['was cut off', runtime => truncate(runtime, 1_000_000)],
    ['is of another package than the lockfile names', runtime => changeRecord(runtime, { package: 'sha512-another' })],
    ['is not told about', runtime => rm(`${runtime}.json`)],
  ])('is not used when it %s', async (_, damage) => {
    const { runtimes, runtime } = await copy()
    await damage(runtime)

    // It goes to npm again, which is told that it has neither a network nor a cache here.
    const settings = { npm_config_offline: 'true', npm_config_cache: join(folder, 'cache') }
    const before = Object.keys(settings).map(name => [name, process.env[name]] as const)
    Object.assign(process.env, settings)
    try {
      await expect(fetchRuntime(TARGET, runtimes)).rejects.toThrow('npm pack @oven/bun-linux-aarch64@')
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
    }
  })
})

async function changeRecord(runtime: string, changes: object): Promise<void> {
  const record = JSON.parse(await readFile(`${runtime}.json`, 'utf8'))
  await writeFile(`${runtime}.json`, JSON.stringify({ ...record, ...changes }))
}
