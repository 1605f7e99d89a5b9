import { REDACTED } from '../../shared/redact.ts'
import type { KnownSecrets } from './known-secrets.ts'
import { isPlain, isSecretContainer, isSecretFlag, isSecretName } from './secret-words.ts'

const MAX_DEPTH = 40

/**
 * A structure without the values of keys that sound like secrets. What was taken out is known as a secret from then on, for
 * it may stand elsewhere too.
 */
export function removeSecrets(value: unknown, known: KnownSecrets, depth = 0): unknown {
  if (value === null || typeof value !== 'object') return value
  if (depth > MAX_DEPTH) return '[…]'
  if (Array.isArray(value)) return removeFromArray(value, known, depth)
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if (isSecretContainer(key) && typeof item === 'object') return [key, removeAll(item, known, key, depth + 1)]
      if (isSecretName(key)) return [key, removeAll(item, known, key, depth + 1)]
      return [key, removeSecrets(item, known, depth + 1)]
    }),
  )
}

/** Whatever is in there; its keys stay, as they say what was set. */
function removeAll(value: unknown, known: KnownSecrets, key: string, depth: number): unknown {
  if (typeof value === 'string') {
    if (isPlain(value)) return value
    known.add(value, { isName: /username/i.test(key) })
    return REDACTED
  }
  if (typeof value === 'number') return REDACTED
  if (value === null || typeof value !== 'object') return value
  if (depth > MAX_DEPTH) return '[…]'
  if (Array.isArray(value)) return value.map(item => removeAll(item, known, key, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, removeAll(item, known, name, depth + 1)]),
  )
}

/** `["server", "--api-key", "…"]`, `["server", "--api-key=…"]`. */
function removeFromArray(items: readonly unknown[], known: KnownSecrets, depth: number): unknown[] {
  return items.map((item, at) => {
    const before = items[at - 1]
    if (typeof item !== 'string') return removeSecrets(item, known, depth + 1)
    if (typeof before === 'string' && !before.includes('=') && isSecretFlag(before) && !item.startsWith('-'))
      return removeAll(item, known, before, depth)
    const [, flag = '', value = ''] = /^(-{0,2}[\w-]+)=(.*)$/s.exec(item) ?? []
    if (value === '' || !(isSecretFlag(flag) || isSecretName(flag))) return item
    return `${flag}=${removeAll(value, known, flag, depth)}`
  })
}

/** For a file of which everything is secret but the keys, and words such as `oauth`. */
export function learnAll(value: unknown, known: KnownSecrets): void {
  removeAll(value, known, '', 0)
}
