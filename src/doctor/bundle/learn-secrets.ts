import { readFile } from 'node:fs/promises'
import { parseJsonc } from '../../shared/jsonc.ts'
import type { ListedRun } from '../../supervisor/run-record.ts'
import type { FoundFile } from '../walk.ts'
import type { KnownSecrets } from './known-secrets.ts'
import { readWhole } from './read-own.ts'
import { learnAll, removeSecrets } from './remove-secrets.ts'
import { isSecretFlag, isSecretName } from './secret-words.ts'

const MAX_BYTES = 1024 * 1024

/** Nothing in them is anything else than a secret, or the name of one. */
const ALL_SECRET = /(?:^|[/\\])(?:credentials|remote-credentials|auth|mcp-auth)\.json(?:\.broken)?$/
const TOKEN_STORE = /(?:^|[/\\])tokens\.json$/
const TOKEN = /(?:^|[/\\])daemon[/\\]token$/
const CONFIG = /\.jsonc?(?:\.\w+)?$/
const DOT_ENV = /(?:^|[/\\])\.env(?:\.[\w.-]+)?$/

/** What a set of variables holds that is secret, by the names of them. */
export function learnFromEnvironment(env: Readonly<Record<string, string | undefined>>, known: KnownSecrets): void {
  for (const [name, value] of Object.entries(env)) {
    if (!value || name === 'PWD' || name === 'OLDPWD') continue
    if (isSecretName(name)) known.add(value, { isName: /USERNAME/i.test(name) })
    // A proxy, a registry: with credentials in it, whatever it is called.
    else if (/:\/\/[^/\s]*@/.test(value)) known.add(value)
  }
}

/** What a file holds that is secret, by what kind of file it is. One that cannot be read says nothing here. */
export async function learnFromFile(path: string, known: KnownSecrets): Promise<void> {
  let text: string
  try {
    text = await readWhole(path, MAX_BYTES)
  } catch {
    return // gone, closed to us, no plain file, or none of ours by its size: its content goes nowhere either
  }
  if (TOKEN.test(path)) return known.add(text)
  if (DOT_ENV.test(path)) return learnFromEnvironment(variablesOf(text), known)
  if (TOKEN_STORE.test(path)) for (const [hash] of text.matchAll(/\b[0-9a-f]{64}\b/g)) known.add(hash)
  else if (ALL_SECRET.test(path)) await learnFromJson(text, value => learnAll(value, known))
  else if (CONFIG.test(path)) await learnFromJson(text, value => removeSecrets(value, known))
}

/** Of the files of a folder, those that may hold secrets. */
export async function learnFromFiles(files: readonly FoundFile[], known: KnownSecrets): Promise<void> {
  // What opencode keeps of sessions: thousands of files, and none of them goes anywhere.
  const isTalk = (path: string): boolean => /[/\\]storage[/\\]/.test(path)
  const kinds = [ALL_SECRET, TOKEN_STORE, TOKEN, CONFIG, DOT_ENV]
  for (const { path, kind } of files)
    if (kind === 'file' && !isTalk(path) && kinds.some(pattern => pattern.test(path))) await learnFromFile(path, known)
}

async function learnFromJson(text: string, learn: (value: unknown) => unknown): Promise<void> {
  try {
    learn(await parseJsonc('', text))
  } catch {
    // No JSON: nobody can tell what in it is secret, so that it is left out of the bundle as well.
  }
}

/** What running programs were given: the variables and flags of our own processes, where the system shows them. */
export async function learnFromProcesses(runs: readonly ListedRun[], known: KnownSecrets): Promise<void> {
  if (process.platform !== 'linux') return
  const pids = runs.flatMap(({ alive, owner, processes }) =>
    alive ? [owner.pid, ...processes.map(({ pid }) => pid)] : [],
  )
  for (const pid of pids) {
    const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')
    const [environ, cmdline] = await Promise.all([read('environ'), read('cmdline')])
    learnFromEnvironment(variablesOf(environ.replaceAll('\0', '\n')), known)
    const words = cmdline.split('\0')
    for (const [at, word] of words.entries()) {
      const [flag = '', ...rest] = word.split('=')
      if (isSecretFlag(flag))
        known.add(rest.length > 0 ? rest.join('=') : (words[at + 1] ?? ''), { isName: /username/i.test(flag) })
    }
  }
}

function variablesOf(text: string): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const line of text.split('\n')) {
    const [, name = '', value = ''] = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (name) variables[name] = value.replace(/^(["'])(.*)\1$/, '$2')
  }
  return variables
}
