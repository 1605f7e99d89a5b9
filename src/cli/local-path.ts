import { resolve } from 'node:path'
import type { Io } from './kit/io.ts'

/** An argument that names a file of this machine: `~/` expanded, the rest resolved against the current folder. */
export const localPath = (file: string, { cwd, home }: Pick<Io, 'cwd' | 'home'>): string =>
  resolve(
    cwd,
    file.replace(/^~(?=$|[/\\])/, () => home),
  )
