import { EventEmitter } from 'node:events'
import { closeSync, type FSWatcher, openSync } from 'node:fs'
import type { WatchFolder } from '../../../src/server/file-index/folder-watches.ts'
import { openIndex } from './support.ts'

// Run by degraded.test.ts under a low limit of open files: prints what a catalog says while few are left, and afterwards.

const FOLDERS = 60

// Watches that are had without a file, and hear nothing: what fails are the looks, many at the same time.
const watch: WatchFolder = () => Object.assign(new EventEmitter(), { close() {} }) as unknown as FSWatcher
await using at = await openIndex({ watch, patrol: { fullMs: 20 } })
for (let n = 0; n < FOLDERS; n += 1) await at.write(`${n}/file`)
const held: number[] = []
try {
  for (;;) held.push(openSync('/dev/null', 'r'))
} catch {
  // That was the last one.
}
for (const fd of held.splice(-3)) closeSync(fd)
const short = await at.page()
for (const fd of held) closeSync(fd)
await at.until(async () => (await at.page()).total === 2 * FOLDERS)
// Seen in a look after the one that went well.
await at.write('b')
await at.until(async () => (await at.paths()).includes('b'))
const after = await at.page()
const said = [short, after].map(({ total, isDegraded }) => ({ isWhole: total > 2 * FOLDERS, isDegraded }))
process.stdout.write(JSON.stringify(said))
