import type { Exemption } from './route-coverage.ts'

/** Documented failures that no test over HTTP is asked to provoke. */
export const EXEMPTIONS: readonly Exemption[] = [
  { code: 'internal_error', because: 'a bug: there is none that we know of' },
  { code: 'requester_gone', because: 'the requester is gone: nobody reads the answer' },
  { code: 'disk_full', because: 'needs a disk of its own; test/server/files/full-disk.test.ts has one where it may' },
  {
    code: 'read_failed',
    because: 'a disk that fails while it is read; what a file system refuses beforehand has codes of its own',
  },
  { code: 'write_failed', because: 'a disk that fails while it is written' },
  {
    code: 'workspace_not_a_folder',
    operation: /\/catalog\/\w+$/,
    because: 'a session is opened only where there is a folder; a catalog of one that is gone is empty',
  },
  { code: 'conflict', operation: /\/config$/, because: 'takes an editor that is faster several times in a row' },
  // Elsewhere there is no folder that not even root may write to.
  ...(process.platform === 'linux' ? [] : [{ code: 'workspace_unusable', because: 'shown on Linux' }]),
]
