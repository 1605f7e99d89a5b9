import { readFile, stat } from 'node:fs/promises'
import { MAX_FILE_BYTES } from '../../api/files.ts'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { askFiles, onePath, SESSION_ARGUMENT, sessionFlags, sessionOf } from '../file-session.ts'
import { defineCommand } from '../kit/define.ts'
import { bool, path as pathFlag, text } from '../kit/flags.ts'

export const filesWrite = defineCommand({
  path: 'files write',
  summary: 'Write a file of a workspace',
  description: 'Exits 1 when it was not written, for instance because it is not the revision of --if-match any more.',
  examples: [
    { command: 'openwork files write <session> notes/todo.md --content "buy milk"', does: 'a line of text' },
    { command: 'openwork files write <session> logo.png --file ./logo.png', does: 'a file of this machine' },
  ],
  args: { session: SESSION_ARGUMENT, target: { summary: 'Path in the workspace', optional: true } },
  flags: {
    ...sessionFlags,
    path: text({ perCall: true, summary: 'Path in the workspace' }),
    content: text({ perCall: true, allowEmpty: true, summary: 'Text to write; may be empty' }),
    contentBase64: text({ perCall: true, allowEmpty: true, valueName: 'base64', summary: 'Bytes to write' }),
    file: pathFlag({ perCall: true, summary: 'File of this machine to write' }),
    ifMatch: text({ perCall: true, valueName: 'revision', summary: 'Only if the file has this revision' }),
    createOnly: bool({ perCall: true, default: false, summary: 'Only if there is no such file' }),
    force: bool({ perCall: true, default: false, summary: 'Whatever its revision is' }),
  },
  async run({ session, target, content, contentBase64, file, ifMatch, createOnly, force, ...values }, context) {
    if (createOnly && ifMatch !== undefined)
      throw new OpenworkError('flags_conflict', '--create-only and --if-match exclude each other')
    const { path, rest } = sessionOf(values, [session, target])
    const write = {
      path: onePath(values.path, rest, 'The file to write'),
      contentBase64: await bytesToWrite({ content, contentBase64, file }),
      ifMatchRevision: ifMatch,
      ...(createOnly && { createOnly }),
      ...(force && { force }),
    }
    return askFiles(
      values,
      context,
      { method: 'POST', path: `${path}/write-batch`, body: { writes: [write] } },
      { isChange: true },
    )
  },
})

type Sources = Record<'content' | 'contentBase64' | 'file', string | undefined>

/** In base64. Throws `missing_flag` and `flags_conflict` unless exactly one source is given. */
async function bytesToWrite({ content, contentBase64, file }: Sources): Promise<string> {
  const given = [content, contentBase64, file].filter(source => source !== undefined)
  if (given.length === 0) throw new OpenworkError('missing_flag', 'Pass --content, --content-base64 or --file')
  if (given.length > 1)
    throw new OpenworkError('flags_conflict', 'Pass only one of --content, --content-base64 and --file')
  if (contentBase64 !== undefined) return contentBase64
  if (file !== undefined) return (await readLocalFile(file)).toString('base64')
  return Buffer.from(content ?? '').toString('base64')
}

async function readLocalFile(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path)
    if (size > MAX_FILE_BYTES)
      throw new OpenworkError('file_too_large', `${path} has ${size} bytes, at most ${MAX_FILE_BYTES} are allowed`)
    return await readFile(path)
  } catch (cause) {
    if (cause instanceof OpenworkError) throw cause
    const code = systemCode(cause)
    if (code === undefined) throw cause
    if (code === 'ENOENT') throw new OpenworkError('file_not_found', `There is no file ${path}`, { cause })
    throw new OpenworkError('read_failed', `Cannot read ${path} (${code})`, { cause })
  }
}
