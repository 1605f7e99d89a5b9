import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { busyDetails, configProblem, type ReloadReport } from '../../api/hot-reload.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { detailsOf } from '../answered-failure.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { problemText, reloadText, workText } from '../hot-reload-text.ts'
import { interruptible } from '../interruptible.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'
import { findReloadTargets, type ReloadTarget } from '../reload-targets.ts'

const ASK_EVERY_MS = 1_000

export const reload = defineCommand({
  path: 'reload',
  summary: 'Have opencode read its config, skills, commands, agents and plugins anew',
  description:
    'Changed files are taken over by themselves as soon as nothing runs there; this does it now, also with hot reload ' +
    'off. Sessions keep what they hold, and go on. What runs at that moment would be cut off, so it is refused then.',
  examples: [
    { command: 'openwork reload', does: 'the current folder' },
    { command: 'openwork reload ~/project --wait', does: 'as soon as nothing runs there' },
  ],
  args: {
    workspace: {
      summary: 'Folder that is served, or what the daemon calls it; the current folder when not given',
      optional: true,
    },
  },
  flags: {
    force: bool({
      perCall: true,
      default: false,
      summary: 'Also when that ends running turns, terminals and open questions',
    }),
    wait: bool({ default: false, summary: 'Wait until nothing runs there' }),
    dataDir: dataDirFlag,
  },
  async run({ workspace, dataDir, force, wait }, context) {
    if (force && wait)
      throw new OpenworkError('flags_conflict', '--force and --wait cannot be had at once', {
        hint: 'Leave out --force to have running turns end by themselves.',
      })
    const targets = await findReloadTargets({ workspace, dataDir }, context)
    const reports: ReloadReport[] = []
    for (const target of targets)
      reports.push(
        wait
          ? await whenIdle(target, text => context.output.note(text))
          : await target.reload({ force }).catch(error => explain(error, target)),
      )
    context.output.result({ ok: true, reports }, () => reports.map(reloadText).join('\n\n'))
  },
})

/** Tries again until nothing runs there any more, and tells what it waits for. */
const whenIdle = (target: ReloadTarget, note: (text: string) => void): Promise<ReloadReport> =>
  interruptible('nothing was reloaded', async signal => {
    let told = ''
    for (;;) {
      try {
        return await target.reload({ force: false })
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof OpenworkError && error.code === 'workspace_busy')) return await explain(error, target)
        const reason = workIn(error) ?? error.message
        if (reason !== told) note(`Waiting for ${reason}`)
        told = reason
      }
      await delay(ASK_EVERY_MS, undefined, { signal })
    }
  })

/** The failure as a person at this command can act on it; scripts get the details of the host's own. */
async function explain(error: unknown, target: ReloadTarget): Promise<never> {
  if (!(error instanceof OpenworkError)) throw error
  const { code } = error
  const details = detailsOf(error)
  const work = code === 'workspace_busy' ? workIn(error) : undefined
  if (work !== undefined)
    throw new OpenworkError(code, `A reload would end ${work}`, {
      hint: 'Add --wait to reload when that has ended, or --force.',
      details,
    })
  const parts = code === 'opencode_config_invalid' ? problemsIn(error).map(problemText) : []
  if (parts.length === 0) throw error
  throw new OpenworkError(
    code,
    { head: 'opencode cannot read this, and nothing was reloaded', parts },
    { hint: CORRECT_IT[await target.standing()], details },
  )
}

const CORRECT_IT = {
  serving: 'Correct it: until then opencode goes on with what it had.',
  broken: 'Correct it: until then opencode refuses every request for this folder.',
  unknown: 'Correct it, and reload again.',
} as const

const refusedDetails = z.object({ problems: z.array(configProblem) })

const workIn = (error: OpenworkError): string | undefined => {
  const { data } = busyDetails.safeParse(detailsOf(error))
  return data && workText(data.work)
}

const problemsIn = (error: OpenworkError) => refusedDetails.safeParse(detailsOf(error)).data?.problems ?? []
