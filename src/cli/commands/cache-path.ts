import { OpenworkError } from '../../shared/errors.ts'
import { cacheDirOf } from '../flags/sidecar-flags.ts'
import { defineCommand } from '../kit/define.ts'
import { cacheFlags, executablePath, MADE } from './cache-place.ts'

export const cachePath = defineCommand({
  path: 'cache path',
  summary: 'Where the cache of binaries is, or the opencode that a start would run',
  description:
    'With `opencode` it prints the path of the verified build for this machine, the one that came with openwork or the ' +
    'one in the cache. Nothing is downloaded; exits 4 when there is none.',
  examples: [
    { command: 'openwork cache path', does: 'the folder' },
    { command: '"$(openwork cache path opencode)" --version', does: 'run the opencode of openwork by hand' },
  ],
  args: { program: { summary: '`opencode`, for the path of its binary', optional: true } },
  flags: cacheFlags,
  async run({ program, ...values }, { output, env }) {
    const dir = cacheDirOf(values)
    if (program === undefined) return output.result({ ok: true, path: dir }, dir)
    if (program !== 'opencode')
      throw new OpenworkError('invalid_value', `The cache has paths of opencode, not of ${JSON.stringify(program)}`, {
        hint: 'Use `openwork cache path opencode`, or leave the name out for the folder.',
      })
    const [{ findForMachine }, { Verifier }] = await Promise.all([
      import('../../sidecars/cache/cache-builds.ts'),
      import('../../sidecars/verify/verify.ts'),
    ])
    const { pins } = MADE
    const verifier = new Verifier(dir)
    const places = { pins, sidecarDir: dir, executablePath: executablePath(), verifier, env, signal: undefined }
    const { found } = await findForMachine(places)
    if (!found)
      throw new OpenworkError('opencode_not_found', `There is no verified opencode ${pins.version} in ${dir}`, {
        hint: 'Get it with `openwork cache fetch`, or from another machine with `openwork cache import <file>`.',
      })
    output.result({ ok: true, path: found.path, version: pins.version, source: found.source }, found.path)
  },
})
