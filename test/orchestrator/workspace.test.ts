import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureCredentials } from '../../src/orchestrator/credentials.ts'
import { checkDataDir, dataLayout, ensureDataDir } from '../../src/orchestrator/data-dir.ts'
import { ensureWorkspace, findWorkspace } from '../../src/orchestrator/workspace.ts'
import { secret } from '../../src/shared/secret.ts'

function tempFolder() {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'openwork-test-')))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const failureOf = (work: () => unknown): unknown => {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

const quiet = { warn: () => {} }

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8)

describe('the workspace', () => {
  test('is not created unless asked for, and the failure says how to ask', () => {
    using temp = tempFolder()
    const missing = join(temp.path, 'missing')

    expect(failureOf(() => findWorkspace(missing, false))).toMatchObject({
      code: 'workspace_not_found',
      hint: expect.stringContaining('--create-workspace'),
    })
    expect(findWorkspace(missing, true)).toBeUndefined()
    expect(existsSync(missing)).toBe(false)
    expect(ensureWorkspace(missing)).toEqual({ path: missing, created: true, configured: true })
  })

  test('must be a folder', () => {
    using temp = tempFolder()
    const file = join(temp.path, 'file')
    writeFileSync(file, '')

    expect(failureOf(() => findWorkspace(file, true))).toMatchObject({ code: 'workspace_not_a_folder' })
    expect(failureOf(() => findWorkspace(join(file, 'below'), true))).toMatchObject({ code: 'workspace_not_a_folder' })
  })

  test('gets a starter config once, and an existing one is left alone', () => {
    using temp = tempFolder()
    ensureWorkspace(temp.path)
    expect(JSON.parse(readFileSync(join(temp.path, 'opencode.jsonc'), 'utf8'))).toEqual({
      $schema: 'https://opencode.ai/config.json',
    })

    using other = tempFolder()
    writeFileSync(join(other.path, 'opencode.json'), '{"model":"mine"}')
    ensureWorkspace(other.path)
    expect(existsSync(join(other.path, 'opencode.jsonc'))).toBe(false)
  })

  test.each(['x'.repeat(300), '/proc/nowhere/below'])('that cannot be made is refused with a code: %p', name => {
    using temp = tempFolder()
    const path = join(temp.path, name)
    const at = name.startsWith('/') ? name : path

    const failure = failureOf(() => findWorkspace(at, true) ?? ensureWorkspace(at))

    expect(failure).toMatchObject({ code: 'workspace_unusable', message: expect.stringContaining(at) })
  })

  test('of the data dir is for its owner alone, as one made before is from now on', () => {
    using temp = tempFolder()
    const folder = join(temp.path, 'workdir')
    mkdirSync(folder)
    ensureWorkspace(folder, { isPrivate: true })
    expect([mode(folder), mode(join(folder, 'opencode.jsonc'))]).toEqual(['700', '600'])
  })

  test('is known by its real path', () => {
    using temp = tempFolder()
    const link = join(temp.path, 'link')
    ensureWorkspace(join(temp.path, 'real'))
    symlinkSync(join(temp.path, 'real'), link)

    expect(findWorkspace(link, false)).toBe(join(temp.path, 'real'))
  })
})

describe('the data dir', () => {
  test('and everything in it is for its owner only', async () => {
    using temp = tempFolder()
    const layout = dataLayout(join(temp.path, 'data'), '/some/workspace')
    ensureDataDir(layout)
    await ensureCredentials(layout.credentials, { token: undefined, hostToken: undefined }, quiet)

    for (const folder of [layout.root, layout.runs, layout.workspace]) expect(mode(folder)).toBe('700')
    expect(mode(layout.credentials)).toBe('600')
  })

  test('that is a file is refused before anything is made', () => {
    using temp = tempFolder()
    const file = join(temp.path, 'file')
    writeFileSync(file, '')

    expect(failureOf(() => checkDataDir(file))).toMatchObject({ code: 'data_dir_unusable' })
    expect(failureOf(() => checkDataDir(join(file, 'below')))).toMatchObject({ code: 'data_dir_unusable' })
  })

  test.skipIf(process.platform === 'win32')(
    'that everybody may write to is refused, or warned of where files are safe',
    () => {
      using temp = tempFolder()
      const folder = join(temp.path, 'data')
      mkdirSync(folder)
      for (const mode of [0o700, 0o755, 0o2775]) {
        chmodSync(folder, mode)
        expect(checkDataDir(folder)).toBeUndefined()
      }
      chmodSync(folder, 0o777)
      expect(failureOf(() => checkDataDir(folder))).toMatchObject({
        code: 'data_dir_unusable',
        message: expect.stringContaining('everybody'),
      })
      chmodSync(folder, 0o1777)
      writeFileSync(join(folder, 'file'), '')
      expect(checkDataDir(folder)).toContain('everybody')
      if (process.getuid?.() !== 0) return // only root may give files away
      chownSync(join(folder, 'file'), 12_345, 12_345)
      expect(failureOf(() => checkDataDir(folder))).toMatchObject({ message: expect.stringContaining('file in it') })
    },
  )
})

describe('tokens', () => {
  test('stay the same from start to start, so that clients stay paired', async () => {
    using temp = tempFolder()
    const path = join(temp.path, 'credentials.json')
    const first = await ensureCredentials(path, { token: undefined, hostToken: undefined }, quiet)
    const second = await ensureCredentials(path, { token: undefined, hostToken: undefined }, quiet)

    expect(second.token.reveal()).toBe(first.token.reveal())
    expect(second.hostToken.reveal()).toBe(first.hostToken.reveal())
    expect(first.token.reveal()).not.toBe(first.hostToken.reveal())
  })

  test('that were given are used and not kept', async () => {
    using temp = tempFolder()
    const path = join(temp.path, 'credentials.json')

    const given = await ensureCredentials(
      path,
      { token: secret('given-client'), hostToken: secret('given-host') },
      quiet,
    )

    expect(given.token.reveal()).toBe('given-client')
    expect(existsSync(path)).toBe(false)
  })

  test.each([
    '{"token":',
    '',
    'null',
    '{"token":"with blanks in it, so long","hostToken":"with blanks in it, so long"}',
  ])('are made anew when the file holds %p, which is kept and told of', async text => {
    using temp = tempFolder()
    const path = join(temp.path, 'credentials.json')
    writeFileSync(path, text)
    const warnings: string[] = []

    const log = { warn: (message: string) => void warnings.push(message) }
    const made = await ensureCredentials(path, { token: undefined, hostToken: undefined }, log)

    expect(JSON.parse(readFileSync(path, 'utf8')).token).toBe(made.token.reveal())
    expect(readFileSync(`${path}.broken`, 'utf8')).toBe(text)
    expect(warnings).toHaveLength(1)
  })
})
