import { expect, test } from 'bun:test'
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A user namespace has its own count of watches; not every system lets everyone make one. */
const unshare = ['unshare', '--user', '--map-root-user']
const isPossible =
  process.platform === 'linux' &&
  Bun.which('unshare') !== null &&
  Bun.spawnSync([...unshare, 'sh', '-c', 'test -w /proc/sys/user/max_inotify_watches']).exitCode === 0

test.skipIf(!isPossible)('without watches of the system it polls, says so once, and goes back', async () => {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'openwork-starved-')))
  try {
    const [directory, home] = [join(root, 'project'), join(root, 'home')]
    await mkdir(join(directory, '.git'), { recursive: true })
    await mkdir(home)
    const fixture = join(import.meta.dir, '../fixtures/starved-watch.ts')
    const run = Bun.spawn([...unshare, process.execPath, fixture, directory, home], {
      stdout: 'pipe',
      stderr: 'inherit',
    })
    const lines = (await new Response(run.stdout).text()).trim().split('\n')
    expect(await run.exited).toBe(0)
    const said = lines.map(line => JSON.parse(line) as Record<string, unknown>)

    const logged = said.flatMap(({ logged }) => (typeof logged === 'string' ? [logged] : []))
    expect(logged).toHaveLength(2)
    expect(logged[0]).toContain('no more file watches to give (ENOSPC)')
    expect(logged[0]).toContain('sysctl fs.inotify.max_user_watches=')
    expect(logged[1]).toContain('has file watches again')
    expect(said.filter(line => !('logged' in line))).toEqual([
      { mode: 'polling' },
      { seen: ['a'] },
      { mode: 'events', seen: ['a', 'b'] },
    ])
  } finally {
    await rm(root, { recursive: true, force: true })
  }
})
