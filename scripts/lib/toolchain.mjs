// What the scripts need before anything else can run: dependencies installed, and the Bun that came with them.
// Plain Node: this is the first thing that runs on a fresh clone.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

const ARCHITECTURE = { arm64: 'aarch64', x64: 'x64' }
const PLATFORM = { darwin: 'darwin', linux: 'linux', win32: 'windows', freebsd: 'freebsd' }

/**
 * The Bun binary among the dependencies. The platform package is asked first: `node_modules/.bin/bun` only works
 * after an install script ran, and npm may refuse to run those.
 */
function findBun() {
  const name = `bun-${PLATFORM[process.platform]}-${ARCHITECTURE[process.arch]}`
  const file = process.platform === 'win32' ? 'bun.exe' : 'bun'
  const candidates = [
    join(ROOT, 'node_modules', '@oven', name, 'bin', file),
    join(ROOT, 'node_modules', '@oven', `${name}-musl`, 'bin', file),
    join(ROOT, 'node_modules', 'bun', 'bin', 'bun.exe'), // where its install script moves it
  ]
  return candidates.find(path => existsSync(path) && statSync(path).size > 1_000_000)
}

/** Whether every dependency that the lockfile requires is there in its version. */
function isInstalled() {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
  const installed = join(ROOT, 'node_modules', '.package-lock.json')
  if (!existsSync(installed) || !findBun()) return false
  const present = JSON.parse(readFileSync(installed, 'utf8')).packages
  return Object.entries(lock.packages).every(
    ([path, { version, optional }]) =>
      path === '' || optional || (present[path]?.version === version && existsSync(join(ROOT, path))),
  )
}

/**
 * Not `npm ci`: it refuses a lockfile that lacks the optional packages of another platform, and so every registry mirror
 * that lacks them. Versions and hashes come from the lockfile in either case, and it stays as it is.
 */
const INSTALL_FLAGS = [
  '--no-save',
  '--include=dev', // whatever NODE_ENV or the user's `omit` say: all of ours are development dependencies
  '--include=optional', // the binaries of Bun and opencode
  '--ignore-scripts',
  '--loglevel=error',
]

/**
 * Installs what is missing. Prints one line when there is something to do; when it fails, ends the process after calling
 * `onFailure`.
 */
export function ensureInstalled({ onFailure = () => {} } = {}) {
  if (isInstalled()) return
  console.error('Installing dependencies (npm install) …')
  const [program, args] = npmCommand()
  const result = spawnSync(program, [...args, 'install', ...INSTALL_FLAGS], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
    shell: program === 'npm' && process.platform === 'win32', // npm is npm.cmd there
  })
  if (result.status === 0 && findBun()) return
  if (result.error) console.error(result.error.message)
  console.error(
    result.status === 0
      ? `Bun has no binary for ${process.platform}-${process.arch} among the dependencies.`
      : 'Installing dependencies failed. Run `npm install` in this folder to see why.',
  )
  onFailure()
  process.exit(result.status || 1)
}

/** npm as a program and its first arguments: the very npm that runs us, when it is npm. */
function npmCommand() {
  const current = process.env.npm_execpath
  const isNpm = current && /^npm(-cli)?\.c?js$/.test(basename(current))
  return isNpm ? [process.execPath, [current]] : ['npm', []]
}

/**
 * Runs a program with our terminal; resolves to its exit code, 128+n when a signal ended it. Signals are passed on,
 * except ^C in a terminal, which the terminal itself sends to the child as well.
 */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    // Before the child is there: a signal in between would end us and leave it running.
    let child
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child?.kill(signal))
    process.on('SIGINT', () => {
      if (!process.stdin.isTTY) child?.kill('SIGINT')
    })
    child = spawn(program, args, { stdio: 'inherit', ...options })
    const watch = onNpmGone(() => child.kill('SIGTERM'))
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      clearInterval(watch)
      resolve(code ?? 128 + constants.signals[signal])
    })
  })
}

const PARENT_WATCH_MS = 200

/**
 * npm passes a signal on to the shell that it runs us in, and the shell does not pass it on to us: it ends, and we would
 * stay behind with all that we started. Its end shows as another parent.
 */
function onNpmGone(then) {
  if (!process.env.npm_lifecycle_event) return undefined
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    then()
  }, PARENT_WATCH_MS)
  return watch
}

/** Bun as a program, once `ensureInstalled` has returned. */
export const bun = findBun

/**
 * Flags for Bun to run our sources in a folder that is not ours. Without them it would take variables from the folder's
 * `.env`, run what its `bunfig.toml` preloads, and resolve our own imports by the paths of its `tsconfig.json`.
 * A program of ours that starts another one from source passes them on: they are its `process.execArgv`.
 */
export const FOREIGN_FOLDER_FLAGS = [
  '--no-env-file',
  `--config=${join(ROOT, 'scripts', 'lib', 'empty-bunfig.toml')}`,
  `--tsconfig-override=${join(ROOT, 'tsconfig.json')}`,
  '--no-install',
]
