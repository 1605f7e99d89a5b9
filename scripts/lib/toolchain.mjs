// What the scripts need before anything else can run: dependencies installed, and the Bun that came with them.
// Plain Node: this is the first thing that runs on a fresh clone.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

const ARCHITECTURE = { arm64: 'aarch64', x64: 'x64' }
const PLATFORM = { darwin: 'darwin', linux: 'linux', win32: 'windows', freebsd: 'freebsd' }

/**
 * The Bun binary among the dependencies. The platform package is asked first: `node_modules/.bin/bun` only works
 * after an install script ran, and npm may refuse to run those.
 */
export function findBun() {
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

/** Installs what is missing. Prints one line when there is something to do; ends the process when it fails. */
export function ensureInstalled() {
  if (isInstalled()) return
  console.error('Installing dependencies (npm ci) …')
  const npm = process.env.npm_execpath
  const [program, args] = npm ? [process.execPath, [npm]] : ['npm', []]
  const result = spawnSync(program, [...args, 'ci', '--ignore-scripts', '--loglevel=error'], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
    shell: !npm && process.platform === 'win32',
  })
  if (result.status !== 0) {
    console.error('Installing dependencies failed. Run `npm ci` in this folder to see why.')
    process.exit(result.status ?? 1)
  }
}

/** Runs a program with our terminal; resolves to its exit code, 128+n when a signal ended it. Signals are passed on. */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', ...options })
    const passOn = signal => child.kill(signal)
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, passOn)
    process.on('SIGINT', () => {}) // the terminal sends ^C to the child as well; wait for its answer
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? 128 + (SIGNAL_NUMBER[signal] ?? 1)))
  })
}

const SIGNAL_NUMBER = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }

export function bun() {
  const path = findBun()
  if (path) return path
  console.error(`Bun has no binary for ${process.platform}-${process.arch} among the dependencies.`)
  process.exit(1)
}
