import { existsSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { isAbsolute, relative, resolve } from 'node:path'
import { systemCode } from '../shared/errors.ts'
import type { Io } from './kit/io.ts'
import { localPath } from './local-path.ts'

/**
 * The folder that a typed word names, as an absolute path: one that is there, or one that is gone and is among `known`.
 * Undefined for every other word. A name that was mistyped is no folder below the current one.
 */
export async function folderMeant(
  word: string,
  known: readonly string[],
  io: Pick<Io, 'cwd' | 'home'>,
): Promise<string | undefined> {
  const path = localPath(word, io)
  if (existsSync(path)) return realPathOf(path)
  return known.find(folder => folder !== '' && resolve(folder) === path)
}

/** As those know a folder that serve it; one that is not there, or is out of reach, stays as it was named. */
export async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    return path
  }
}

/** Who serves `folder`, or else the nearest folder above it: several when they serve the same one. */
export function nearestServing<Served extends { directory: string }>(folder: string, all: readonly Served[]): Served[] {
  const holding = all.filter(({ directory }) => isWithin(folder, directory))
  const longest = Math.max(...holding.map(({ directory }) => directory.length))
  return holding.filter(({ directory }) => directory.length === longest)
}

function isWithin(path: string, folder: string): boolean {
  const place = relative(folder, path)
  return place === '' || !(place === '..' || place.startsWith('../') || place.startsWith('..\\') || isAbsolute(place))
}
