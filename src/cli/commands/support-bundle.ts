import { join, resolve } from 'node:path'
import { DEFAULT_SERVER_PORT } from '../../orchestrator/options.ts'
import { byteCount } from '../../shared/byte-count.ts'
import { ByteProgress } from '../byte-progress.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { sidecarPlaceFlags } from '../flags/sidecar-flags.ts'
import { interruptible } from '../interruptible.ts'
import { defineCommand } from '../kit/define.ts'
import { bool, path, port } from '../kit/flags.ts'

export const supportBundle = defineCommand({
  path: 'support-bundle',
  summary: 'Write an archive that helps others to see what is wrong here, with secrets taken out',
  description:
    'In it are the report of `openwork doctor`, settings, records of runs, what running hosts say of themselves, the last ' +
    '2 MB of each log, and a list of the files in the data dir. Values of keys that sound like secrets are taken out, and ' +
    'every secret that this machine knows is searched for and masked, however it is written. MANIFEST.txt in it says what ' +
    'is there and what was left out. Look at it before you send it.',
  examples: [
    { command: 'openwork support-bundle', does: 'in this folder, under the name of today' },
    { command: 'openwork support-bundle --output /tmp/help.tar.gz', does: 'somewhere else' },
  ],
  toleratesSettings: true,
  flags: {
    output: path({
      perCall: true,
      valueName: 'file',
      summary: 'Archive to write; never one that is there',
      defaultText: 'openwork-support-<date>.tar.gz',
    }),
    offline: bool({ default: false, summary: 'Ask no host elsewhere' }),
    openworkPort: port({ env: 'OPENWORK_PORT', default: DEFAULT_SERVER_PORT, summary: 'Port that a host is to have' }),
    dataDir: dataDirFlag,
    ...sidecarPlaceFlags,
  },
  async run({ output: named, offline, ...place }, context) {
    const { output, stderr, cwd } = context
    const progress = new ByteProgress(stderr, text => output.note(text))
    const written = await interruptible('no bundle was written', async signal => {
      const { makeBundle } = await import('../doctor/make-bundle.ts')
      const paths = named === undefined ? defaultNames(cwd, new Date()) : [resolve(cwd, named)]
      const step = (what: string, done?: number, total?: number) => progress.step(what, done, total)
      return await makeBundle(place, context, { isOffline: offline, paths, step, signal })
    }).finally(() => progress.end())
    const { path: file, bytes, manifest, entries, leftOut } = written
    output.result({ ok: true, path: file, bytes, files: entries.map(({ name }) => name), leftOut }, () =>
      [manifest, `Wrote ${file} (${byteCount(bytes)}). Look at it before you send it: tar -xzf ${file}`].join('\n'),
    )
  },
})

/** Several a day have numbers. */
function defaultNames(folder: string, now: Date): string[] {
  const stem = `openwork-support-${now.toISOString().slice(0, 10)}`
  return ['', ...Array.from({ length: 98 }, (_, at) => `-${at + 2}`)].map(suffix =>
    join(folder, `${stem}${suffix}.tar.gz`),
  )
}
