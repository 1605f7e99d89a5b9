// What a start does with opencode before it can run it: fetch 128 MB of it over loopback, hash it, unpack it.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { createTar } from 'nanotar'
import { sha256OfFile } from '../../src/shared/hash-file.ts'
import { extractArchiveEntry } from '../../src/sidecars/archive/extract-entry.ts'
import type { DownloadRequest } from '../../src/sidecars/fetch/download-file.ts'
import { opencodeBinary } from '../../test/fixtures/opencode.ts'
import { inTurns, type Measurement, median, timed } from './measure.ts'

const BYTES = 128 * 1024 * 1024
const ENTRY = 'package/bin/opencode'
const HASH_BUDGET_MB_PER_S = 300
/** How much more memory a download of 128 MB may take than one of nothing. */
const MEMORY_BUDGET_MB = 64

const PROGRAMS = join(import.meta.dir, 'programs')

export async function measureDownloads(rounds: number): Promise<Measurement[]> {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-bench-downloads-'))
  try {
    const content = await firstBytes(await opencodeBinary())
    const file = (name: string): string => join(folder, name)
    await writeFile(file('file'), content)
    await writeFile(file('empty'), '')
    await writeFile(file('file.tgz'), gzipSync(createTar([{ name: ENTRY, data: content }])))
    await writeFile(file('file.zip'), zipSync({ [ENTRY]: content }))
    return [...(await measureReading(rounds, file)), ...(await measureTransfer(rounds, file, content))]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function measureReading(rounds: number, file: (name: string) => string): Promise<Measurement[]> {
  const unpack = (archive: 'tgz' | 'zip') =>
    timed(() =>
      extractArchiveEntry(file(`file.${archive}`), { archive, entry: ENTRY, maxBytes: BYTES, write: () => {} }),
    )
  const samples = await inTurns(rounds, {
    read: () => timed(() => readThrough(file('file'))),
    hash: () => timed(() => sha256OfFile(file('file'), undefined)),
    tgz: () => unpack('tgz'),
    zip: () => unpack('zip'),
  })
  return [
    {
      ...speed('SHA-256 of a cached file', samples.hash),
      floor: { name: 'reading it', value: speed('', samples.read).value },
      budget: { of: 'value', atLeast: HASH_BUDGET_MB_PER_S },
    },
    speed('unpack opencode from a tgz', samples.tgz),
    speed('unpack opencode from a zip', samples.zip),
  ]
}

async function measureTransfer(
  rounds: number,
  file: (name: string) => string,
  content: Uint8Array,
): Promise<Measurement[]> {
  await using full = await serve(file('file'))
  await using empty = await serve(file('empty'))
  const download = async (url: string, bytes: Uint8Array): Promise<number[]> => {
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const request: DownloadRequest = {
      what: 'it',
      urls: [url],
      path: file('to/file'),
      sha256,
      maxBytes: BYTES,
      hint: '',
    }
    await rm(request.path, { force: true })
    return run('download-file.ts', JSON.stringify(request))
  }
  const samples = await inTurns(rounds, {
    plain: () => run('fetch-file.ts', full.url, file('plain')),
    download: () => download(full.url, content),
    nothing: () => download(empty.url, new Uint8Array()),
  })
  const column = (each: readonly number[][], place: number): number[] => each.map(row => row[place] ?? Number.NaN)
  const moreMb = median(column(samples.download, 1)) - median(column(samples.nothing, 1))
  const memory: Measurement = {
    name: 'memory of a download beyond that of an empty one',
    unit: 'MB',
    value: moreMb,
    budget: { of: 'value', atMost: MEMORY_BUDGET_MB },
  }
  return [
    {
      ...speed('download over loopback, verified and synced', column(samples.download, 0)),
      floor: { name: 'fetch to a file', value: speed('', column(samples.plain, 0)).value },
    },
    ...(Number.isNaN(moreMb) ? [] : [memory]),
  ]
}

const speed = (name: string, tookMs: readonly number[]): Measurement => ({
  name,
  unit: 'MB/s',
  value: BYTES / 1e6 / (median(tookMs) / 1000),
})

/** The numbers that one of the programs prints. */
async function run(program: string, ...args: string[]): Promise<number[]> {
  const argv = [process.execPath, join(PROGRAMS, program), ...args]
  const child = Bun.spawn(argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = await new Response(child.stdout).text()
  if ((await child.exited) !== 0) throw new Error(`${program} failed`)
  return said.trim().split(' ').map(Number)
}

async function serve(path: string) {
  const child = Bun.spawn([process.execPath, join(PROGRAMS, 'serve-file.ts'), path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const { value } = await child.stdout.getReader().read()
  return {
    url: `http://127.0.0.1:${new TextDecoder().decode(value).trim()}/file`,
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await child.exited
    },
  }
}

async function firstBytes(path: string): Promise<Uint8Array> {
  await using file = await open(path, 'r')
  const { buffer, bytesRead } = await file.read(new Uint8Array(BYTES), 0, BYTES, 0)
  if (bytesRead !== BYTES) throw new Error(`${path} has only ${bytesRead} bytes`)
  return buffer
}

async function readThrough(path: string): Promise<void> {
  for await (const _ of createReadStream(path, { highWaterMark: 1024 * 1024 }));
}
