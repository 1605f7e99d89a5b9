import { expect, test } from 'bun:test'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tryOpenwork } from '../../src/upgrade/trial.ts'
import { upgradeBox } from './options.ts'

test('the opencode of a trial takes no settings and no plugins from the folders above the data dir', async () => {
  await using box = await upgradeBox({ PATH: process.env.PATH, OPENWORK_ALLOW_EXTERNAL: '1' })
  const [path, seen] = [join(box.folder, 'openwork'), join(box.folder, 'seen')]
  const noOpencode = `echo '{"ok":false,"code":"platform_not_supported"}'; exit 4`
  const script = `case "$1" in --version) echo 3.0.0;; cache) ${noOpencode};; *) env >'${seen}';; esac`
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)

  await tryOpenwork(path, { ...box.options, version: '3.0.0' })

  expect((await readFile(seen, 'utf8')).split('\n')).toContain('OPENCODE_DISABLE_PROJECT_CONFIG=1')
})
