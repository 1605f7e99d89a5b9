// One download by its request. Prints the milliseconds it took and, where /proc tells, the most memory that was resident.
import { readFileSync } from 'node:fs'
import { downloadFile } from '../../../src/sidecars/fetch/download-file.ts'

const startedMs = performance.now()
await downloadFile(JSON.parse(process.argv[2] ?? ''), { env: {} })
const tookMs = performance.now() - startedMs
// Not `resourceUsage`: what that tells begins with the memory of the process that started this one.
const [, peakKb] =
  process.platform === 'linux' ? (/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []) : []
console.log(`${tookMs} ${Number(peakKb) / 1e3}`)
