import { OpenworkError } from '../../shared/errors.ts'
import { installationOf, SHELLS, scriptOf } from '../completions/scripts.ts'
import { defineCommand } from '../kit/define.ts'
import { nearest } from '../kit/nearest.ts'
import { shown } from '../kit/usage.ts'

export const completions = defineCommand({
  path: 'completions',
  summary: 'A script that has your shell complete commands, flags, values and names',
  description: 'Prints the script. It asks openwork itself for what fits, so it need not be renewed after an upgrade.',
  examples: SHELLS.map(shell => ({ command: installationOf(shell), does: `for ${shell}` })),
  toleratesSettings: true,
  args: { shell: { summary: SHELLS.join(', ') } },
  flags: {},
  async run({ shell: word }, { output }) {
    const shell = SHELLS.find(known => known === word.toLowerCase())
    if (shell === undefined) {
      const close = nearest(word, SHELLS)
      throw new OpenworkError('invalid_value', `<shell>: expected ${SHELLS.join(', ')}, got ${shown(word)}`, {
        hint: close ? `Did you mean ${close}?` : 'For another shell, see whether it takes the one for bash.',
      })
    }
    output.result({ shell, script: scriptOf(shell) }, scriptOf(shell))
  },
})
