import { expect, test } from 'bun:test'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { copyText, osc52 } from '../../src/dashboard/clipboard.ts'

test.skipIf(process.platform === 'win32')(
  'a text goes to the clipboard program of the desktop, or to the terminal',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'openwork-clipboard-'))
    try {
      const copied = join(folder, 'copied')
      await writeFile(join(folder, 'xclip'), `#!/bin/sh\necho "$@" > '${copied}'; cat >> '${copied}'\n`, {
        mode: 0o755,
      })
      await writeFile(join(folder, 'wl-copy'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
      const written: string[] = []
      const env = { PATH: `${folder}${delimiter}/usr/bin${delimiter}/bin`, DISPLAY: ':0', WAYLAND_DISPLAY: 'wayland-0' }
      // wl-copy fails here, and the next one is tried.
      expect(await copyText('täxt', env, data => written.push(data))).toBe('program')
      expect(await readFile(copied, 'utf8')).toBe('-selection clipboard\ntäxt')
      expect(written).toEqual([])
      // Over ssh there is no desktop.
      expect(await copyText('täxt', { PATH: folder }, data => written.push(data))).toBe('terminal')
      expect(written).toEqual(['\x1b]52;c;dMOkeHQ=\x07'])
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)

test('what asks the terminal to copy is wrapped for tmux and screen', () => {
  expect(osc52('a', { TERM: 'tmux-256color', TMUX: '/tmp/x,1,0' })).toBe('\x1bPtmux;\x1b\x1b]52;c;YQ==\x07\x1b\\')
  expect(osc52('a', { TERM: 'screen-256color' })).toBe('\x1bP\x1b]52;c;YQ==\x07\x1b\\')
})
