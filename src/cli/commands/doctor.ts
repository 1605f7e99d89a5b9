import { DEFAULT_SERVER_PORT } from '../../orchestrator/options.ts'
import { ByteProgress } from '../byte-progress.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { sidecarPlaceFlags } from '../flags/sidecar-flags.ts'
import { interruptible } from '../interruptible.ts'
import { defineCommand } from '../kit/define.ts'
import { bool, port } from '../kit/flags.ts'

export const doctor = defineCommand({
  path: 'doctor',
  summary: 'Look at everything that openwork needs here, and say what to do about what is wrong',
  description:
    'Looks at the system, the programs and their hashes, files and their rights, disks, ports, proxy and certificates, what ' +
    'dead runs left, and whether the hosts that binaries come from can be reached. Exits 1 when there is a problem; warnings ' +
    'are none.\n\n--fix does what is safe: it makes files of openwork private, clears up after runs that were killed, and ' +
    'removes damaged builds, broken-off downloads and left temporary files. It touches nothing else.',
  examples: [
    { command: 'openwork doctor', does: 'see what is wrong' },
    { command: 'openwork doctor --fix', does: 'and have it put right' },
    { command: 'openwork doctor --offline --json', does: 'without asking the network, for a script' },
  ],
  toleratesSettings: true,
  flags: {
    fix: bool({ perCall: true, default: false, summary: 'Do what is safe about it' }),
    offline: bool({ default: false, summary: 'Ask no host elsewhere' }),
    openworkPort: port({ env: 'OPENWORK_PORT', default: DEFAULT_SERVER_PORT, summary: 'Port that a host is to have' }),
    dataDir: dataDirFlag,
    ...sidecarPlaceFlags,
  },
  async run({ fix, offline, ...place }, context) {
    const { output, stderr, stdout, color } = context
    const [{ lookAround }, { CHECKS }, { runChecks }, { applyFixes }, { reportDocument }, { renderReport }] =
      await Promise.all([
        import('../doctor/look-around.ts'),
        import('../../doctor/checks/index.ts'),
        import('../../doctor/check.ts'),
        import('../../doctor/apply-fixes.ts'),
        import('../../doctor/document.ts'),
        import('../doctor/render-doctor.ts'),
      ])
    const progress = new ByteProgress(stderr, text => output.note(text))
    const around = lookAround(place, context, {
      isOffline: offline,
      onBytes: (what, done, total) => progress.step(what, done, total),
    })
    const outcome = fix ? 'what was fixed stays fixed' : 'nothing was changed'
    const report = await interruptible(outcome, async signal => {
      const onChange = (pending: readonly string[]): void => {
        const [first, ...others] = pending
        if (first) progress.step(`Looking at: ${first}${others.length > 0 ? ` and ${others.length} more` : ''}`)
      }
      const checked = await runChecks(CHECKS, around, { signal, onChange }).finally(() => progress.end())
      if (!fix) return { checked, fixed: new Map() }
      return await applyFixes(checked, around, { signal, onFix: what => output.note(`Fixing: ${what}`) })
    })
    const document = reportDocument(report)
    output.result(document, () => renderReport(report, { color, columns: stdout.columns ?? 100 }))
    return document.ok ? 0 : 1
  },
})
