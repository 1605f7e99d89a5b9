import { describe, expect, test } from 'bun:test'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { VERSION } from '../../src/shared/version.ts'
import {
  type Answer,
  good,
  inTurn,
  type Mirror,
  stalled,
  startMirror,
  status,
  truncated,
  unsatisfiable,
  withoutRanges,
  wrongContentRange,
} from '../fixtures/mirror.ts'
import { leftIn, makeOlder } from './left-in.ts'
import { ASSET, NODE, newPackageFolder, type PackageFolder, PLATFORM, PROGRAM, WITHOUT_NPM } from './package-folder.ts'
import { runToEnd } from './run-to-end.ts'

const BYTES = new TextEncoder().encode(PROGRAM)
const HALF = 20
const PART = `openwork-${VERSION}-${PLATFORM}.part`
const OK = { code: 0, stdout: 'program x\n' }

const mirrorOf = (answer: Answer): Promise<Mirror> => startMirror({ [ASSET]: answer })
const from = (mirror: Mirror): Record<string, string> => ({ OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: mirror.origin })
const ranges = (mirror: Mirror): (string | undefined)[] => mirror.requests.map(({ range }) => range)

/** Waits until so much of the file is on disk, somewhere below the folder, and gives its path. */
async function arrived(path: string, bytes: number): Promise<string> {
  for (;;) {
    const files = await readdir(dirname(path), { recursive: true }).catch(() => [])
    const part = files.find(name => name.endsWith(PART))
    if (part !== undefined && (await readFile(join(dirname(path), part))).length >= bytes) return part
    await Bun.sleep(5)
  }
}

/** A launcher whose mirror has sent a half. */
async function startHalf(folder: PackageFolder, mirror: Mirror) {
  const child = Bun.spawn([NODE, join(folder.meta, 'bin', 'openwork.cjs')], {
    env: { ...folder.env, ...from(mirror) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await arrived(folder.fetched.inPackage, HALF)
  return child
}

describe.concurrent('a first run whose mirror is not at its best', () => {
  test.each<[string, Answer, (string | undefined)[]]>([
    ['is overloaded at first', inTurn(status(503), status(429), good(BYTES)), [undefined, undefined, undefined]],
    ['breaks off', inTurn(truncated(BYTES, HALF), good(BYTES)), [undefined, `bytes=${HALF}-`]],
    [
      'breaks off, and begins anew',
      inTurn(truncated(BYTES, HALF), withoutRanges(BYTES)),
      [undefined, `bytes=${HALF}-`],
    ],
    [
      'breaks off, and sends another rest',
      inTurn(truncated(BYTES, HALF), wrongContentRange(BYTES)),
      [undefined, `bytes=${HALF}-`, undefined],
    ],
    [
      'breaks off, and has no such range',
      inTurn(truncated(BYTES, HALF), unsatisfiable(BYTES)),
      [undefined, `bytes=${HALF}-`, undefined],
    ],
    [
      'has another file by then',
      inTurn(truncated(new Uint8Array(BYTES.length), HALF), good(BYTES)),
      [undefined, `bytes=${HALF}-`, undefined],
    ],
  ])('works all the same when it %s', async (_, answer, asked) => {
    await using mirror = await mirrorOf(answer)
    await using folder = await newPackageFolder()

    expect(await folder.launch(['x'], { env: from(mirror) })).toMatchObject(OK)
    expect(ranges(mirror)).toEqual(asked)
    expect(await leftIn(folder.fetched.inPackage)).toEqual(['openwork'])
  })

  test('is not tried for ever, and keeps what arrived for the next one', async () => {
    await using mirror = await mirrorOf(inTurn(truncated(BYTES, HALF), status(500)))
    await using folder = await newPackageFolder()

    const { code, stderr } = await folder.launch(['x'], { env: { ...from(mirror), ...WITHOUT_NPM } })

    expect(code).toBe(1)
    expect(stderr).toContain(`${mirror.url(ASSET)}: HTTP 500`)
    expect(stderr).toContain('the next run goes on with them')
    expect(mirror.requests).toHaveLength(3)
    expect(await leftIn(folder.fetched.inPackage)).toEqual([PART])
    mirror.set(ASSET, good(BYTES))
    expect(await folder.launch(['x'], { env: from(mirror) })).toMatchObject(OK)
    expect(ranges(mirror).at(-1)).toBe(`bytes=${HALF}-`)
    expect(await leftIn(folder.fetched.inPackage)).toEqual(['openwork'])
  })

  test('is waited for by another one, which says so', async () => {
    const gate = Promise.withResolvers<void>()
    await using mirror = await mirrorOf(stalled(BYTES, HALF, gate.promise))
    await using folder = await newPackageFolder()
    const first = await startHalf(folder, mirror)
    const second = Bun.spawn([NODE, join(folder.meta, 'bin', 'openwork.cjs'), 'y'], {
      env: { ...folder.env, ...from(mirror) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const said = await second.stderr.values().next()
    expect(new TextDecoder().decode(said.value)).toBe(
      'Another openwork fetches its executable: waiting for that one …\n',
    )

    gate.resolve()

    expect(await first.exited).toBe(0)
    expect(await second.stdout.text()).toBe('program y\n')
    expect(mirror.requests).toHaveLength(1)
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('is gone on with after %s', async signal => {
    await using mirror = await mirrorOf(stalled(BYTES, HALF))
    await using folder = await newPackageFolder()
    const child = await startHalf(folder, mirror)

    child.kill(signal)

    expect(await child.stderr.text()).toEndWith('MB are kept, the next run goes on with them.\n')
    await child.exited
    expect(child.exitCode).toBe(signal === 'SIGINT' ? 130 : 143)
    expect(await leftIn(folder.fetched.inPackage)).toEqual([PART])
    mirror.set(ASSET, good(BYTES))
    expect(await folder.launch(['x'], { env: from(mirror) })).toMatchObject(OK)
    expect(ranges(mirror)).toEqual([undefined, `bytes=${HALF}-`])
  })

  test.skipIf(Bun.which('script') === null)(
    'says so on a line of its own after ^C in a terminal (needs the program `script`)',
    async () => {
      await using mirror = await mirrorOf(stalled(BYTES, HALF))
      await using folder = await newPackageFolder()
      const command = `exec '${NODE}' '${join(folder.meta, 'bin', 'openwork.cjs')}' x`
      const terminal = Bun.spawn(['script', '-qec', command, '/dev/null'], {
        env: { ...folder.env, ...from(mirror) },
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      await arrived(folder.fetched.inPackage, HALF)

      terminal.stdin.write('\x03')
      terminal.stdin.flush()

      const shown = await terminal.stdout.text()
      terminal.stdin.end()
      expect(shown).toMatch(/, \d+ s(?:\^C)?\r\nopenwork: 0 of 0 MB are kept, the next run goes on with them\.\r\n$/)
    },
  )

  test.each([
    ['', BYTES, [undefined, `bytes=${HALF}-`]],
    [
      ' with another file, and then from its start',
      new Uint8Array(BYTES.length),
      [undefined, `bytes=${HALF}-`, undefined],
    ],
  ])('is gone on with after kill -9%s', async (_, bytes, asked) => {
    await using mirror = await mirrorOf(stalled(bytes, HALF))
    await using folder = await newPackageFolder()
    const child = await startHalf(folder, mirror)
    child.kill('SIGKILL')
    await child.exited
    const left = await leftIn(folder.fetched.inPackage)
    expect(left).toEqual([expect.stringMatching(/^\.openwork-\w+$/), 'openwork.lock'])
    for (const name of left) await makeOlder(join(dirname(folder.fetched.inPackage), name), 60)
    mirror.set(ASSET, good(BYTES))

    expect(await folder.launch(['x'], { env: from(mirror) })).toMatchObject(OK)
    expect(ranges(mirror)).toEqual(asked)
    expect(await leftIn(folder.fetched.inPackage)).toEqual(['openwork'])
  })

  test('goes on during the installation, too', async () => {
    await using mirror = await mirrorOf(inTurn(status(503), truncated(BYTES, HALF), good(BYTES)))
    await using folder = await newPackageFolder()

    expect((await folder.postinstall(from(mirror))).code).toBe(0)
    expect(ranges(mirror)).toEqual([undefined, undefined, `bytes=${HALF}-`])
    expect(await readFile(folder.fetched.inPackage, 'utf8')).toBe(PROGRAM)
  })
})

describe.concurrent('a download of the launcher', () => {
  /** What `fromUrl` says with these limits. */
  async function ask(mirror: Mirror, folder: PackageFolder, limits: object): Promise<string> {
    const url = join(folder.meta, 'lib', 'url.cjs')
    const program = join(folder.root, 'ask.cjs')
    await writeFile(
      program,
      `const { fromUrl } = require(${JSON.stringify(url)})
      const read = async () => {
        const limits = ${JSON.stringify({ headersMs: 60_000, stallBytesPerSecond: 1_000, stallMs: 60_000, ...limits })}
        const { bytes } = await fromUrl('${mirror.url(ASSET)}', { from: 0, size: ${BYTES.length}, limits })
        for await (const _ of bytes);
      }
      read().catch(({ message, again }) => console.log(message, again))`,
    )
    return (await runToEnd([NODE, program], { cwd: folder.root, env: folder.env })).stdout
  }

  test('is over when too few bytes come', async () => {
    await using mirror = await mirrorOf(stalled(BYTES, HALF))
    await using folder = await newPackageFolder()

    expect(await ask(mirror, folder, { stallMs: 100 })).toMatch(/^stalled: only \d+ bytes came in 0\.1 s often\n$/)
  })

  test('is over when no answer comes', async () => {
    await using mirror = await mirrorOf(() => {})
    await using folder = await newPackageFolder()

    expect(await ask(mirror, folder, { headersMs: 100 })).toBe('no answer within 0.1 s once\n')
  })
})
