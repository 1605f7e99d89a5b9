import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { readdir, readFile, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'fflate'
import { createTar } from 'nanotar'
import type { OpencodeRequest } from '../../../src/sidecars/find/ensure-opencode.ts'
import { failure, fakeOpencode, hasEnded, packed, pinsOf, sha256, sidecarBox, until, VERSION } from '../kit.ts'

type Box = Awaited<ReturnType<typeof sidecarBox>>

/** An npm that delivers this, by default what it should. */
const delivering = async (box: Box, archive = packed(box.content), gate?: string): Promise<void> =>
  box.npm({ does: 'deliver', archive: await box.write('made/package.tgz', archive), ...(gate ? { gate } : {}) })

/** Every file below the sidecar folder. */
const sidecarFiles = async (box: Box): Promise<string[]> => {
  const entries = await readdir(box.path('sidecars'), { recursive: true, withFileTypes: true })
  return entries.filter(entry => !entry.isDirectory()).map(entry => join(entry.parentPath, entry.name))
}

/** ensureOpencode in another process. */
const findElsewhere = (box: Box, changes: Partial<OpencodeRequest> = {}) => {
  const program = join(import.meta.dirname, '..', '..', 'fixtures', 'ensure-opencode.ts')
  return Bun.spawn([process.execPath, program, JSON.stringify({ ...box.request, ...changes })], {
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

describe('an opencode that is nowhere near', () => {
  test('is fetched with npm once, checked, and then found in the cache', async () => {
    await using box = await sidecarBox()
    await delivering(box)
    const stages: string[] = []
    const found = await box.find({ onProgress: ({ stage, what }) => stages.push(`${stage} ${what.split('@')[1]}`) })

    expect(found).toMatchObject({ source: 'downloaded', actualVersion: VERSION, warnings: [] })
    expect(dirname(dirname(found.path))).toBe(box.path('sidecars', 'opencode', VERSION))
    expect(await readFile(found.path, 'utf8')).toBe(box.content)
    expect((await stat(found.path)).mode & 0o777).toBe(0o755)
    expect((await stat(dirname(found.path))).mode & 0o777).toBe(0o700)
    expect(await sidecarFiles(box)).toEqual(expect.arrayContaining([found.path, box.path('sidecars', 'verified.json')]))
    expect(await sidecarFiles(box)).toHaveLength(2)
    expect([...new Set(stages)]).toEqual(
      ['locating', 'downloading', 'unpacking', 'checking'].map(stage => `${stage} ${VERSION}`),
    )
    expect(found.from).toStartWith('npm pack opencode-')
    const cached = { ...found, from: undefined }
    expect(await box.find()).toEqual(cached)
    expect(await box.find({ source: 'downloaded' })).toEqual(cached)
    expect(await box.npmCalls()).toHaveLength(1)
  })

  test('is asked for in a folder of ours, with the user’s settings for npm and without our secrets', async () => {
    await using box = await sidecarBox()
    await delivering(box)
    const kept = {
      HTTPS_PROXY: 'http://proxy.invalid:1',
      npm_config_registry: 'http://mirror.invalid',
      NPM_TOKEN: 'theirs',
    }
    const dropped = {
      OPENWORK_TOKEN: 'ours',
      OPENCODE_SERVER_PASSWORD: 'ours',
      NODE_OPTIONS: '--inspect',
      BUN_OPTIONS: '--smol',
      npm_config_dry_run: 'true',
      npm_config_workspace: 'x',
    }
    const { path } = await box.find({ env: { ...box.env, ...kept, ...dropped } })

    const [call] = await box.npmCalls()
    expect(call?.cwd).toStartWith(`${dirname(path)}/.tmp-`)
    expect(call?.args.slice(0, 2)).toEqual(['pack', `${path.split('/').at(-2)}@${VERSION}`])
    expect(call?.args).toContain('--ignore-scripts')
    expect(call?.env).toMatchObject({ ...kept, HOME: box.path('home') })
    for (const name of Object.keys(dropped)) expect(call?.env).not.toHaveProperty(name)
  })

  test('replaces a cached one that was changed', async () => {
    await using box = await sidecarBox()
    await delivering(box)
    const { path } = await box.find()
    await box.write(path.slice(box.path().length + 1), box.content.replace('echo', 'eval'), 0o755)

    const found = await box.find()

    expect(found.warnings.join()).toContain(`${path} has SHA-256`)
    expect(await readFile(path, 'utf8')).toBe(box.content)
    expect(await box.npmCalls()).toHaveLength(2)
  })

  test('is fetched although a wrong one lies beside the executable, with a warning', async () => {
    await using box = await sidecarBox()
    await delivering(box)
    const wrong = await box.write('app/bin/opencode', 'wrong', 0o755)
    expect(await box.find()).toMatchObject({
      source: 'downloaded',
      warnings: [`${wrong} has 5 bytes, expected ${box.content.length}: not used`],
    })
  })
})

describe('nothing is kept and nothing is run of a download', () => {
  const marker = (box: Box) => fakeOpencode(VERSION, `touch '${box.path('was-run')}'`)
  const entry = 'package/bin/opencode'

  test.each([
    ['with other content', (box: Box) => packed(marker(box)), 'sidecar_checksum_mismatch'],
    [
      'with other content of the same size',
      (box: Box) => packed('#'.repeat(box.content.length)),
      'sidecar_checksum_mismatch',
    ],
    ['that is cut short', (box: Box) => packed(box.content).slice(0, -20), 'sidecar_archive_invalid'],
    ['that is no archive', () => 'Not Found', 'sidecar_archive_invalid'],
    ['that is empty', () => '', 'sidecar_archive_invalid'],
    ['without the binary', () => gzipSync(createTar([{ name: 'package/x', data: 'x' }])), 'sidecar_archive_invalid'],
    [
      'that would write elsewhere',
      (box: Box) =>
        gzipSync(
          createTar([
            { name: entry, data: box.content },
            { name: '../../../evil', data: 'x' },
          ]),
        ),
      'sidecar_archive_invalid',
    ],
    ['with less content', () => packed('#'), 'sidecar_checksum_mismatch'],
    [
      'that is a bomb',
      () => gzipSync(createTar([{ name: entry, data: new Uint8Array(32 * 1024 * 1024) }])),
      'sidecar_checksum_mismatch',
    ],
  ])('%s', async (_, make, code) => {
    await using box = await sidecarBox()
    await delivering(box, Buffer.from(make(box)))
    const error = await failure(box.find({ source: 'downloaded' }))
    expect(error.code).toBe(code as typeof error.code)
    expect(error.hint).toBeString()
    expect(await sidecarFiles(box)).toEqual([])
    expect(existsSync(box.path('was-run'))).toBe(false)
    expect(existsSync(box.path('evil'))).toBe(false)
  })

  test('whose wrong content is told with both hashes', async () => {
    await using box = await sidecarBox()
    const other = '#'.repeat(box.content.length)
    await delivering(box, packed(other))
    const { message } = await failure(box.find())
    expect(message).toContain(`expected SHA-256 ${sha256(box.content)}`)
    expect(message).toContain(`got SHA-256 ${sha256(other)}`)
  })

  test.each([
    ['that is another version than its pin says', 'echo 6.6.6; exit', 'opencode_version_mismatch', '6.6.6'],
    ['that does not run here', 'exit 9', 'opencode_not_executable', 'exit code 9'],
  ])('%s', async (_, script, code, problem) => {
    await using box = await sidecarBox()
    const content = fakeOpencode(VERSION, script)
    await delivering(box, packed(content))
    const error = await failure(box.find({ source: 'downloaded', pins: pinsOf(content) }))
    expect(error.code).toBe(code as typeof error.code)
    expect(error.message).toContain(problem)
    expect(await sidecarFiles(box)).toEqual([])
  })
})

describe('when npm cannot deliver', () => {
  const notFound = {
    error: { code: 'E404', summary: 'Not Found - GET http://u:secret@r.invalid/opencode', detail: '' },
  }

  test.each([
    [
      'its JSON answer is shown, passwords masked',
      { stdout: JSON.stringify(notFound) },
      '//***@r.invalid/opencode',
      'registry',
    ],
    [
      'its last lines are shown',
      { stderr: 'npm warn x\nnpm error code E401\nnpm error denied\n' },
      'code E401; denied',
      'npm login',
    ],
    [
      'a certificate it refuses is explained',
      { stderr: 'npm error SELF_SIGNED_CERT_IN_CHAIN\n' },
      'SELF_SIGNED',
      'cafile',
    ],
    ['silence is named', {}, 'it gave no reason', '--opencode-bin'],
  ])('%s', async (_, said, message, hint) => {
    await using box = await sidecarBox()
    await box.npm({ does: 'fail', exitCode: 1, ...said })
    const told: string[] = []
    const error = await failure(box.find({ info: message => told.push(message) }))
    expect(told).toEqual([expect.stringContaining('could be had, asking npm for it')])
    expect(error.code).toBe('sidecar_download_failed')
    expect(error.message).toContain(message)
    expect(error.message).toContain('failed (exit code 1)')
    expect(error.message).not.toContain('secret')
    expect(error.hint).toContain(hint)
    expect(await sidecarFiles(box)).toEqual([])
  })

  test('for want of disk space, that is what is said', async () => {
    await using box = await sidecarBox()
    await box.npm({ does: 'fail', exitCode: 228, stderr: 'npm error ENOSPC: no space left on device, write\n' })
    expect((await failure(box.find())).code).toBe('disk_full')
  })

  test('in time, it is stopped', async () => {
    await using box = await sidecarBox()
    await box.npm({ does: 'hang' })
    const error = await failure(box.find({ limits: { ...box.request.limits, npmMs: 1_000 } }))
    expect(error.code).toBe('sidecar_download_failed')
    expect(error.message).toContain('had not finished after 1 s')
    for (const { pid } of await box.npmCalls()) expect(hasEnded(pid)).toBe(true)
  })

  test('because there is no npm, that is what is said', async () => {
    await using box = await sidecarBox()
    const error = await failure(box.find({ env: { PATH: box.path('empty') } }))
    expect(error.code).toBe('sidecar_download_failed')
    expect(error.message).toContain('npm was not found on PATH')
  })
})

test('a start that is interrupted while it downloads stops npm and leaves nothing', async () => {
  await using box = await sidecarBox()
  await box.npm({ does: 'hang' })
  const interrupted = new AbortController()
  const reason = new Error('stop')
  const outcome = box.find({ signal: interrupted.signal }).catch((error: unknown) => error)
  const { pid } = await until(async () => (await box.npmCalls())[0])

  interrupted.abort(reason)

  expect(await outcome).toBe(reason)
  expect(hasEnded(pid)).toBe(true)
  expect(await sidecarFiles(box)).toEqual([])
  await delivering(box)
  expect((await box.find()).source).toBe('downloaded')
})

test('starts at the same time download once', async () => {
  await using box = await sidecarBox()
  await delivering(box, packed(box.content), box.path('gate'))
  const starts = [1, 2, 3].map(() => findElsewhere(box))
  const outputs = starts.map(start => new Response(start.stdout).text())
  // The two that do not download say that they wait.
  const stages = starts.map(start => start.stderr.pipeThrough(new TextDecoderStream()).getReader())
  const first = await Promise.all(stages.map(reader => reader.read().then(({ value }) => value?.split('\n')[0])))
  expect(first.sort()).toEqual(['locating', 'waiting', 'waiting'])

  await box.write('gate', '')

  const found = await Promise.all(outputs.map(async output => JSON.parse(await output)))
  expect(found.map(one => one.source)).toEqual(['downloaded', 'downloaded', 'downloaded'])
  expect(new Set(found.map(one => one.path)).size).toBe(1)
  expect(await box.npmCalls()).toHaveLength(1)
  expect(await Promise.all(starts.map(start => start.exited))).toEqual([0, 0, 0])
})

test('what a killed start left behind is cleaned up by the next one', async () => {
  await using box = await sidecarBox()
  await box.npm({ does: 'hang' })
  const killed = findElsewhere(box)
  const { pid, cwd } = await until(async () => (await box.npmCalls())[0])
  killed.kill('SIGKILL')
  await killed.exited
  process.kill(pid, 'SIGKILL') // npm outlives a start that was killed, until it is done
  const folder = dirname(dirname(cwd))
  const lock = `${folder}.lock`
  await utimes(lock, 0, 0) // its holder has not renewed it for longer than holders do
  expect((await readdir(folder)).some(name => name.startsWith('.tmp-'))).toBe(true)

  await delivering(box)
  const { path } = await box.find()

  expect(await readdir(dirname(path))).toEqual(['opencode'])
  expect(existsSync(lock)).toBe(false)
})

test('too little disk space is noticed before anything is fetched', async () => {
  await using box = await sidecarBox()
  await delivering(box)
  const { packages } = box.request.pins
  const huge = Object.fromEntries(Object.entries(packages).map(([name, pin]) => [name, { ...pin, size: 10 ** 15 }]))
  const error = await failure(box.find({ pins: { version: VERSION, packages: huge } }))
  expect(error.code).toBe('disk_full')
  expect(error.message).toMatch(/needs 1500000000 MB of space in .*, \d+ MB are free/)
  expect(error.hint).toContain('--sidecar-dir')
  expect(await box.npmCalls()).toEqual([])
})

test('a sidecar folder that cannot be one is named', async () => {
  await using box = await sidecarBox()
  await delivering(box)
  await box.write('sidecars', 'a file')
  const error = await failure(box.find())
  expect(error.code).toBe('sidecar_dir_unusable')
  expect(error.message).toContain(box.path('sidecars'))
  expect(error.hint).toContain('--sidecar-dir')
})
