import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'

/** `{env:NAME}` and `{file:path}` in a config file, which opencode replaces before it reads the JSON. */
const PLACEHOLDER = /\{(env|file):([^}\n]+)\}/g

/** The files named by `{file:…}`, absolute; not those in comments that fill a line. */
export function namedFiles(text: string, config: string, home: string): string[] {
  const lines = text.split('\n').filter(line => !line.trimStart().startsWith('//'))
  const names = lines.flatMap(line => [...line.matchAll(PLACEHOLDER)])
  return names.filter(([, kind]) => kind === 'file').map(([, , name = '']) => pathNamed(name, dirname(config), home))
}

/** The text as opencode reads it; a file that is not there stands for nothing. */
export async function filledIn(
  text: string,
  config: string,
  { env, home }: { env: Readonly<Record<string, string | undefined>>; home: string },
): Promise<string> {
  const contents = new Map<string, string>()
  for (const path of namedFiles(text, config, home)) contents.set(path, await readFile(path, 'utf8').catch(() => ''))
  return text.replace(PLACEHOLDER, (_all, kind: string, name: string) => {
    if (kind === 'env') return env[name] ?? ''
    const content = contents.get(pathNamed(name, dirname(config), home)) ?? ''
    return JSON.stringify(content.trim()).slice(1, -1)
  })
}

/** As settings name a file: in the home folder, absolute, or from `base` on. */
export function pathNamed(name: string, base: string, home: string): string {
  const given = name.trim()
  if (given.startsWith('~/')) return join(home, given.slice(2))
  return isAbsolute(given) ? resolve(given) : resolve(base, given)
}
