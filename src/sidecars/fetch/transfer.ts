import { dirname } from 'node:path'
import { type DiskUse, requireFreeSpace } from './disk.ts'
import { type OpenOptions, openUrl } from './open-url.ts'
import type { PartFile } from './part-file.ts'
import { TransferFailure } from './transfer-failure.ts'

/** What a file must be. Without a hash the caller looks at what it gets out of it. */
export type Expected = {
  what: string
  path: string
  sha256?: string | undefined
  size?: number | undefined
  maxBytes: number
  use?: DiskUse | undefined
}

type TransferOptions = Omit<OpenOptions, 'headers'> & {
  onBytes: (state: { bytes: number; totalBytes: number | undefined }) => void
}

/**
 * One attempt to complete a part from a URL, and to verify it. Sizes are compared before the body is read, and a body that
 * goes on past its size is cut off.
 *
 * @throws TransferFailure; afterwards the part holds what may be gone on with, or nothing
 */
export async function transfer(url: string, part: PartFile, wanted: Expected, options: TransferOptions): Promise<void> {
  if (isWhole(part, wanted)) {
    if (part.digest === wanted.sha256) return
    await part.clear()
  }
  const range = part.rangeHeaders(url)
  const got = range && (await receive(url, part, wanted, { ...options, headers: range }))
  if (got === undefined || got === 'unusable') {
    await part.clear()
    await receive(url, part, wanted, options)
  }
  if (wanted.sha256 === undefined || wanted.sha256 === part.digest) return
  const actual = `SHA-256 ${part.digest} (${part.bytes} bytes)`
  await part.clear()
  // The beginning was perhaps that of another file: once more from the start.
  throw otherFile(wanted, actual, got === 'rest' ? 'often' : 'never')
}

/** `rest` was added to what was there, `whole` replaced it; `unusable` is an answer that does not go on where the part ends. */
type Received = 'rest' | 'whole' | 'unusable'

async function receive(
  url: string,
  part: PartFile,
  wanted: Expected,
  { onBytes, ...options }: TransferOptions & Pick<OpenOptions, 'headers'>,
): Promise<Received> {
  await using opened = await openUrl(url, options)
  const { status, headers, body } = opened
  if (status === 416) return 'unusable'
  const isRest = status === 206
  const range = parseContentRange(headers)
  if (isRest && !continues(part, range)) return 'unusable'
  const totalBytes = isRest ? range?.totalBytes : parseLength(headers)
  requireSize(totalBytes, wanted)
  const toComeBytes = (totalBytes ?? wanted.size ?? 0) - (isRest ? part.bytes : 0)
  await requireFreeSpace(dirname(wanted.path), { what: wanted.what, bytes: toComeBytes, use: wanted.use })
  if (!isRest) await part.begin(url, headers, totalBytes)
  const endBytes = wanted.size ?? totalBytes
  const tell = (): void => onBytes({ bytes: part.bytes, totalBytes: endBytes })
  tell()
  for await (const chunk of body) {
    if (part.bytes + chunk.length > (endBytes ?? wanted.maxBytes)) {
      await part.clear()
      if (endBytes === undefined) throw tooLarge(wanted)
      throw otherFile({ ...wanted, size: endBytes }, `more than ${endBytes} bytes`, 'never')
    }
    await part.append(chunk)
    tell()
  }
  if (endBytes !== undefined && part.bytes < endBytes)
    throw new TransferFailure(`it ended after ${part.bytes} of ${endBytes} bytes`, { retry: 'often' })
  return isRest ? 'rest' : 'whole'
}

/** Whether nothing is missing, so that its hash can tell whether it is right. */
const isWhole = (part: PartFile, { sha256, size = part.totalBytes }: Expected): boolean =>
  sha256 !== undefined && size !== undefined && part.bytes >= size

type ContentRange = { from: number; totalBytes: number | undefined }

function parseContentRange(headers: Headers): ContentRange | undefined {
  const [, from, total] = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/i.exec(headers.get('content-range') ?? '') ?? []
  return from === undefined ? undefined : { from: Number(from), totalBytes: total === '*' ? undefined : Number(total) }
}

const continues = (part: PartFile, range: ContentRange | undefined): boolean =>
  range !== undefined && range.from === part.bytes && (part.totalBytes ?? range.totalBytes) === range.totalBytes

/** Beside a transfer encoding a length means nothing (RFC 9112, 6.3). */
function parseLength(headers: Headers): number | undefined {
  const length = headers.has('transfer-encoding') ? '' : (headers.get('content-length') ?? '')
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined
}

function requireSize(totalBytes: number | undefined, wanted: Expected): void {
  if (totalBytes === undefined) return
  if (wanted.size !== undefined && totalBytes !== wanted.size) throw otherFile(wanted, `${totalBytes} bytes`, 'never')
  if (totalBytes > wanted.maxBytes) throw tooLarge(wanted, totalBytes)
}

function otherFile({ sha256, size }: Expected, actual: string, retry: 'often' | 'never'): TransferFailure {
  const sizeText = size === undefined ? '' : `${size} bytes`
  const expected = sha256 === undefined ? sizeText : `SHA-256 ${sha256}${sizeText && ` (${sizeText})`}`
  return new TransferFailure(`it is another file: expected ${expected}, got ${actual}`, {
    retry,
    wrong: { expected, actual },
  })
}

const tooLarge = ({ maxBytes }: Expected, bytes?: number): TransferFailure =>
  new TransferFailure(`it has ${bytes ? `${bytes} bytes` : 'no end'}: at most ${maxBytes} bytes are allowed`, {
    retry: 'never',
  })
