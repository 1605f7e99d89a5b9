'use strict'

const { spawn } = require('node:child_process')
const { createReadStream, mkdirSync, readdirSync, writeFileSync } = require('node:fs')
const { basename, join } = require('node:path')
const { pipeline } = require('node:stream')
const { createGunzip } = require('node:zlib')

/**
 * One file of a package from the registry that the user's npm is set up for: its mirror, proxy and credentials apply.
 * `folder` is scratch. No script of any package is run.
 */
async function fromNpm({ package: name, version, file }, folder, signal) {
  // With a package.json npm takes this folder as the project, instead of looking for one upwards and reading its .npmrc.
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
  mkdirSync(join(folder, 'packed'))
  await runNpm(
    ['pack', `${name}@${version}`, '--pack-destination=packed', '--ignore-scripts', '--loglevel=error'],
    folder,
    signal,
  )
  const [archive] = readdirSync(join(folder, 'packed'))
  if (!archive) throw new Error('left no archive')
  const unpacked = createGunzip()
  pipeline(createReadStream(join(folder, 'packed', archive)), unpacked, () => {}) // who reads gets the error
  return tarEntry(unpacked, `package/${file}`)
}

/** Settings of an installation that we run under: they are about its project, and would keep npm from packing ours. */
const OTHER_PROJECT =
  /^npm_config_(workspaces?|include_workspace_root|local_prefix|prefix|global|location|dry_run|pack_destination|json|silent)$/i

function runNpm(args, cwd, signal) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !OTHER_PROJECT.test(key)))
  const running = env.npm_execpath
  const [program, first] = running && basename(running) === 'npm-cli.js' ? [process.execPath, [running]] : ['npm', []]
  const options = { cwd, env, signal, stdio: ['ignore', 'ignore', 'pipe'] }
  // npm.cmd: Node runs such files in a shell only, and there wants one string. Nothing in it needs quotes.
  const inShell = process.platform === 'win32' && program === 'npm'
  const child = inShell
    ? spawn(['npm', ...args].join(' '), { ...options, shell: true })
    : spawn(program, [...first, ...args], options)
  const stop = () => child.kill()
  process.once('exit', stop)
  let said = ''
  child.stderr.setEncoding('utf8').on('data', text => {
    said = (said + text).slice(-4_000)
  })
  return new Promise((resolve, reject) => {
    child.on('error', error => reject(error.code === 'ENOENT' ? new Error('there is no npm on PATH') : error))
    child.on('close', (code, killedBy) => {
      process.removeListener('exit', stop)
      if (code === 0) resolve()
      else reject(new Error(lastWords(said) || (killedBy ? `ended by ${killedBy}` : `exit code ${code}`)))
    })
  })
}

/** npm's reason on one line, without the pointer to its log and without passwords. */
function lastWords(said) {
  const lines = said
    .split('\n')
    .map(line => line.replace(/^npm (error|ERR!)\s?/, '').trim())
    .filter(line => line !== '' && !/complete log of this run|^npm warn/i.test(line))
  return lines
    .slice(0, 4)
    .join('; ')
    .replace(/\/\/[^/@\s]+@/g, '//***@')
}

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
