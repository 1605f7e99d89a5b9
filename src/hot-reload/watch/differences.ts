import type { FileChange } from '../../api/hot-reload.ts'
import { SAYS_NOTHING } from './file-facts.ts'
import type { ScannedFile } from './scan.ts'

type Files = ReadonlyMap<string, ScannedFile>

/** What opencode would read otherwise than `before`, by path. */
export function differences(before: Files, now: Files): FileChange[] {
  const paths = [...new Set([...before.keys(), ...now.keys()])].sort()
  return paths.flatMap(path => {
    const [old, file] = [before.get(path), now.get(path)]
    const either = file ?? old
    if (!either || saidIn(old) === saidIn(file)) return []
    const { kind, name } = either
    const action = !old ? 'added' : file ? 'changed' : 'removed'
    return [{ kind, ...(name !== undefined && { name }), action, path }]
  })
}

const saidIn = (file: ScannedFile | undefined): string | undefined =>
  file?.fingerprint === SAYS_NOTHING ? undefined : file?.fingerprint

/** What opencode had read at a time, as far as the disk still tells: what is younger it has not, or not as it is now. */
export function readBefore(files: Files, timeMs: number): Files {
  const read = [...files]
    .filter(([, { bornMs }]) => bornMs < timeMs)
    .map(([path, file]) => [path, file.changedMs < timeMs ? file : { ...file, fingerprint: 'not read' }] as const)
  return new Map(read)
}
