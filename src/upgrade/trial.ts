import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { OpenworkError } from '../shared/errors.ts'
import { bringOpencode, type OtherOptions, probe, runOther, wordsOf } from './other-openwork.ts'
import { inScratchFolder } from './scratch-project.ts'

/** opencode alone may take half a minute on a slow disk, twice that on a first start. */
const CHECK_LIMIT_MS = 3 * 60_000

export type TrialOptions = OtherOptions & {
  /** What the file must be. */
  version: string
  /** See `UpgradeOptions`. */
  scratchDir: string
  onStep: (what: string) => void
  onOutput: (text: string) => void
}

/**
 * Tries an openwork that nobody uses yet: it says its version, brings its opencode into the cache, and hosts a folder made
 * for it, through all checks of `openwork start --check`. It has a home of its own for that: a newer opencode may change
 * how it keeps the user's sessions, and an older one could not read them any more.
 *
 * @returns the version of its opencode, where it has one for this machine
 * @throws OpenworkError `upgrade_failed` in the new program's own words; the reason of an aborted `signal`. Nothing of
 *   the trial is left then but opencode in the cache
 */
export async function tryOpenwork(path: string, options: TrialOptions): Promise<{ opencode: string | undefined }> {
  const { version, onStep, env, scratchDir } = options
  onStep(`Trying openwork ${version}`)
  await expectVersion(path, version, options)
  onStep(`Asking openwork ${version} for its opencode`)
  const opencode = (await bringOpencode(path, options))?.version
  if (opencode === undefined && !env.OPENWORK_ALLOW_EXTERNAL) {
    onStep(
      `It knows no opencode for this machine, and OPENWORK_ALLOW_EXTERNAL allows no other: trying no more than that`,
    )
    return { opencode }
  }
  onStep(`Trying openwork ${version} with ${opencode ? `opencode ${opencode}` : 'your opencode'} on an empty folder`)
  await inScratchFolder(scratchDir, folder => hostFolder(path, folder, { ...options, opencode }))
  return { opencode }
}

/** Hosts an empty folder below `folder`, and takes it down again. */
async function hostFolder(
  path: string,
  folder: string,
  { version, sidecarDir, env, signal, onOutput, opencode }: TrialOptions & { opencode: string | undefined },
): Promise<void> {
  const at = (name: string): string => join(folder, name)
  for (const name of ['home', 'workspace', 'tmp']) await mkdir(at(name), { mode: 0o700 })
  const places = ['--workspace', at('workspace'), '--data-dir', at('data'), '--sidecar-dir', sidecarDir]
  const own = { home: at('home'), temporary: at('tmp') }
  const end = await runOther([path, 'start', '--check', '--json', ...places, '--openwork-port', '0'], {
    env: trialEnvironment(env, own, opencode === undefined ? EXTERNAL : []),
    signal,
    limitMs: CHECK_LIMIT_MS,
    cwd: at('workspace'),
  })
  onOutput(end.stderr)
  if (end.code === 0) return
  throw new OpenworkError('upgrade_failed', `openwork ${version} does not work here: ${wordsOf(end)}`, {
    hint: 'Nothing was changed. Choose another version with `openwork upgrade --to <version>`.',
    details: { exitCode: end.code, signal: end.signal },
  })
}

/** @throws OpenworkError `upgrade_failed` when the file at `path` does not run, or is another version */
export async function expectVersion(
  path: string,
  version: string,
  { env, signal }: Pick<OtherOptions, 'env' | 'signal'>,
): Promise<void> {
  const { version: actual, problem } = await probe(path, { env, signal })
  if (actual === version) return
  const what = problem === undefined ? `it says ${actual}` : `does not run: ${problem}`
  throw new OpenworkError('upgrade_failed', `${path} is to be openwork ${version}, but ${what}`)
}

/** Which opencode of their own the user has for hosts. */
const EXTERNAL = ['OPENWORK_ALLOW_EXTERNAL', 'OPENWORK_OPENCODE_BIN', 'OPENWORK_OPENCODE_SOURCE']

/** What the user set for their own hosts, tokens above all, is none of the trial's. */
function trialEnvironment(
  env: OtherOptions['env'],
  { home, temporary }: { home: string; temporary: string },
  more: readonly string[],
): OtherOptions['env'] {
  const kept = ['OPENWORK_OPENCODE_ASSET', ...more]
  const passed = Object.entries(env).filter(
    ([key]) => !/^(?:OPENWORK|OPENCODE_(?:SERVER|CONFIG|DATA)|XDG_)/.test(key) || kept.includes(key),
  )
  const own = { HOME: home, USERPROFILE: home, TMPDIR: temporary, TEMP: temporary, TMP: temporary }
  // Settings and plugins of the folders above the data dir, which others may be able to write.
  const opencode = { OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_PROJECT_CONFIG: '1' }
  return { ...Object.fromEntries(passed), ...own, ...opencode }
}
