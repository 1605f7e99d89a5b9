import { daemonFiles } from '../../daemon/daemon-files.ts'
import { readDaemonState } from '../../daemon/state-file.ts'
import { collect } from '../../doctor/bundle/collect.ts'
import { KnownSecrets } from '../../doctor/bundle/known-secrets.ts'
import { type Bundle, sealBundle, writeBundle } from '../../doctor/bundle/write-bundle.ts'
import { runChecks } from '../../doctor/check.ts'
import { CHECKS } from '../../doctor/checks/index.ts'
import { reportDocument } from '../../doctor/document.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { settingsPath } from '../config/settings-file.ts'
import type { Context } from '../kit/context.ts'
import { lookAround } from './look-around.ts'

type Options = {
  isOffline: boolean
  paths: readonly string[]
  step: (what: string, done?: number, total?: number) => void
  signal: AbortSignal
}

/** Collects, cleans and writes a bundle. Throws `support_bundle_failed`; the reason of an aborted `signal`. */
export async function makeBundle(
  place: Parameters<typeof lookAround>[0],
  context: Pick<Context, 'env' | 'cwd' | 'home' | 'stdin' | 'stdout' | 'color'>,
  { isOffline, paths, step, signal }: Options,
): Promise<Bundle & { path: string; bytes: number }> {
  const around = lookAround(place, context, { isOffline, onBytes: step })
  const known = new KnownSecrets()
  step('Looking at this machine')
  const checked = await runChecks(CHECKS, around, { signal, onChange: () => {} })
  step('Collecting')
  const workspaces = await listedWorkspaces(around.dataDir)
  const userConfig = settingsPath({ env: around.env, cwd: context.cwd, home: around.home })
  const collection = await collect({ around, userConfig, workspaces }, known, signal)
  collection.add('doctor.json', reportDocument({ checked, fixed: new Map() }))
  step('Searching for secrets')
  const bundle = sealBundle(collection, known)
  signal.throwIfAborted()
  return { ...bundle, ...(await writeBundle(bundle, paths)) }
}

async function listedWorkspaces(dataDir: string): Promise<string[]> {
  try {
    const { workspaces } = await readDaemonState(daemonFiles(dataDir).state)
    return workspaces.flatMap(({ workspaceType, path }) => (workspaceType === 'local' ? [path] : []))
  } catch (error) {
    if (error instanceof OpenworkError) return [] // the report says so
    throw error
  }
}
