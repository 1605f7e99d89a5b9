import { expect, test } from 'bun:test'
import { rememberedVersion, rememberVersion } from '../../src/upgrade/remembered-version.ts'
import { failure } from '../sidecars/kit.ts'
import { upgradeBox } from './options.ts'

test('what is remembered for an upgrade in vain is taken back, to what was remembered before', async () => {
  await using box = await upgradeBox()
  const takeBackFirst = await rememberVersion(box.folder, '1.0.0')
  const takeBack = await rememberVersion(box.folder, '2.0.0')
  expect(await rememberedVersion(box.folder)).toBe('2.0.0')

  await takeBack()
  expect(await rememberedVersion(box.folder)).toBe('1.0.0')

  await takeBackFirst()
  expect(await failure(rememberedVersion(box.folder))).toMatchObject({ code: 'upgrade_not_possible' })
})
