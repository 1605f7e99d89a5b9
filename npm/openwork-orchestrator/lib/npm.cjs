'use strict'

const { spawn } = require('node:child_process')
const { createReadStream, mkdirSync, readdirSync, writeFileSync } = require('node:fs')
const { basename, join } = require('node:path')
const { pipeline } = require('node:stream')
const { createGunzip } = require('node:zlib')

/** A slow line needs minutes for 60 MB; a dead one is noticed much earlier. */
const LIMIT_MS = 15 * 60_000

const ARGS = [
  '--pack-destination=packed',
  '--ignore-scripts',
  '--loglevel=error',
  '--update-notifier=false',
  '--workspaces=false', // npm also looks above our folder for a workspace that names it, and takes its settings
  // By itself npm waits for minutes, in silence, before it says that there is no network.
  '--fetch-retries=1',
  '--fetch-retry-mintimeout=500',
  '--fetch-retry-maxtimeout=2000',
  '--fetch-timeout=15000', // for an answer, not for the whole
]

/**
 * One file of a package from the registry that the user's npm is set up for: its mirror, proxy and credentials apply.
 * `folder` is scratch. No script of any package is run.
 */
async function fromNpm({ package: name, version, file }, folder) {
  // With a package.json npm takes this folder as the project, instead of looking for one upwards and reading its .npmrc.
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
  mkdirSync(join(folder, 'packed'))
  await runNpm(['pack', `${name}@${version}`, ...ARGS], folder)
  const [archive] = readdirSync(join(folder, 'packed'))
  if (!archive) throw new Error('left no archive')
  const unpacked = createGunzip()
  pipeline(createReadStream(join(folder, 'packed', archive)), unpacked, () => {}) // who reads gets the error
  return tarEntry(unpacked, `package/${file}`)
}

/** Settings of an installation that we run under: they are about its project, and would keep npm from packing ours. */
const OTHER_PROJECT =
  /^npm_config_(workspaces?|include_workspace_root|local_prefix|prefix|global|location|dry_run|pack_destination|json|silent)$/i

function runNpm(args, cwd) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !OTHER_PROJECT.test(key)))
  const running = env.npm_execpath
  const [program, first] = running && basename(running) === 'npm-cli.js' ? [process.execPath, [running]] : ['npm', []]
  const options = { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] }
  // npm.cmd: Node runs such files in a shell only, and there wants one string. Nothing in it needs quotes.
  const inShell = process.platform === 'win32' && program === 'npm'
  const child = inShell
    ? spawn(['npm', ...args].join(' '), { ...options, shell: true })
    : spawn(program, [...first, ...args], options)
  const stop = () => child.kill()
  process.once('exit', stop)
  // Not the `timeout` of spawn: it keeps Node running when there is no such program.
  const timer = setTimeout(stop, LIMIT_MS)
  const settle = () => {
    clearTimeout(timer)
    process.removeListener('exit', stop)
  }
  let said = ''
  child.stderr.setEncoding('utf8').on('data', text => {
    said = (said + text).slice(-4_000)
  })
  return new Promise((resolve, reject) => {
    child.on('error', error => {
      settle()
      reject(error.code === 'ENOENT' ? new Error('there is no npm on PATH') : error)
    })
    child.on('close', (code, killedBy) => {
      settle()
      if (code === 0) resolve()
      else reject(new Error(lastWords(said) || (killedBy ? `ended by ${killedBy}` : `exit code ${code}`)))
    })
  })
}

/** Lines for npm's developers: `code E404`, `errno -111`, the parts of a stack. */
const NOT_FOR_PEOPLE =
  /^(code|errno|syscall|address|port|type|path|dest)[ :]|^at |^[{}\]]|complete log of this run|^npm warn/i

/** npm's reason on one line, without passwords: what it says first to people, and else its code. */
function lastWords(said) {
  const lines = said.split('\n').map(line => line.replace(/^npm (error|ERR!)\s?/, '').trim())
  const forPeople = lines.map(line => line.replace(/^(network(?= request)|notarget|\w*Error:) /, '')).find(isForPeople)
  const code = lines.find(line => line.startsWith('code '))?.slice('code '.length)
  return (forPeople ?? code ?? '').replace(/\/\/[^/@\s]+@/g, '//***@')
}

const isForPeople = line => line !== '' && !NOT_FOR_PEOPLE.test(line)

const BLOCK = 512

/** The bytes of one file in a tar archive. Whoever gets them checks their hash. */
async function* tarEntry(archive, name) {
  const chunks = archive[Symbol.asyncIterator]()
  let rest = Buffer.alloc(0)
  async function next(max) {
    if (rest.length === 0) rest = (await chunks.next()).value ?? rest
    if (rest.length === 0) throw new Error(`holds no whole ${name}`)
    const piece = rest.subarray(0, max)
    rest = rest.subarray(piece.length)
    return piece
  }
  try {
    for (;;) {
      let header = Buffer.alloc(0)
      while (header.length < BLOCK) header = Buffer.concat([header, await next(BLOCK - header.length)])
      const isWanted = header.toString('utf8', 0, 100).split('\0')[0] === name
      const size = Number.parseInt(header.toString('ascii', 124, 136), 8) || 0
      for (let left = isWanted ? size : Math.ceil(size / BLOCK) * BLOCK; left > 0; ) {
        const piece = await next(left)
        left -= piece.length
        if (isWanted) yield piece
      }
      if (isWanted) return
    }
  } finally {
    await chunks.return()
  }
}

module.exports = { fromNpm }
