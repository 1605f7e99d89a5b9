import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { FAILURES } from '../../src/shared/errors.ts'

const README = await Bun.file(join(import.meta.dir, '..', '..', 'README.md')).text()

test('the README explains every failure code, and none that does not exist', () => {
  const explained = new Set(
    README.slice(README.indexOf('## Troubleshooting')).match(/(?<=`(?:\d{3} )?)[a-zA-Z]+(?:_[a-zA-Z]+)*(?=`)/g),
  )

  expect([...Object.keys(FAILURES)].filter(code => !explained.has(code))).toEqual([])
  const gone = [...explained].filter(word => word.includes('_') && !(word in FAILURES))
  expect(gone).toEqual([])
})
