// Tests with a screen drive a real terminal: tmux.
import { spawnSync } from 'node:child_process'

const LIMIT_MS = 60_000
const INSTALL = ['install', '--yes', '--quiet', '--no-install-recommends', 'tmux']

/**
 * Installs tmux where it is missing and that takes no question: as root of a Debian or Ubuntu, which is a machine made
 * for tests. Where it cannot be had the tests that need it are skipped, and say so.
 */
export function ensureTmux() {
  if (process.platform !== 'linux' || runs('tmux', ['-V'])) return
  if (process.getuid() !== 0 || !runs('apt-get', ['--version'])) return
  console.error('Installing tmux (apt-get install) …')
  const deadline = Date.now() + LIMIT_MS
  // A fresh image has no list of packages yet.
  const installed = apt(INSTALL, deadline) || (apt(['update', '--quiet'], deadline) && apt(INSTALL, deadline))
  if (!installed) console.error('tmux could not be installed: tests that need a screen are skipped.')
}

function apt(args, deadline) {
  // The default signal: on SIGTERM apt takes its locks back.
  const timeout = Math.max(deadline - Date.now(), 1)
  return runs('apt-get', args, { timeout, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
}

const runs = (program, args, options) =>
  spawnSync(program, args, { stdio: 'ignore', timeout: LIMIT_MS, ...options }).status === 0
