/**
 * Keys and names of variables behind which secrets stand. Too many are better than too few. What names this machine for
 * ever (systemd's machine-id) and marks our processes is nobody's business either.
 */
const SECRET_NAME =
  /token|secret|passw|pwd|pass$|passphrase|api[-_]?key|private|credential|cookie|bearer|authorization|auth[-_]?(?:key|header)|[-_]auth$|^auth$|signature|signing|dsn$|webhook|conn(?:ection)?[-_]?str|(?:^|[-_])(?:key|pat|jwt|otp|pin)$|(?:[a-z])Key$|_url$|_uri$|username|^(?:machine|nonce|marker)$/i

/** Whose values are secrets whatever they are called: what is sent along, and what is set for a program. */
const SECRET_CONTAINERS = /^(?:headers|environment|env|auth|credentials|tokens)$/i

export const isSecretName = (name: string): boolean => SECRET_NAME.test(name)
export const isSecretContainer = (name: string): boolean => SECRET_CONTAINERS.test(name)

/** Says where a value is and not what it is. */
const REFERENCE = /^\{(?:env|file):[^{}]*\}$/

/** Switches, numbers and references, which tell nothing. */
export const isPlain = (value: string): boolean =>
  REFERENCE.test(value) || /^(?:true|false|yes|no|on|off|none|null|auto|\d{1,5}|)$/i.test(value)

/** A flag of a program that is followed by a secret, as in the `command` of an MCP server. */
export const isSecretFlag = (word: string): boolean => /^--?[a-z]/i.test(word) && isSecretName(word.replace(/^-+/, ''))

/**
 * What looks like a secret wherever it stands, known or not; the first group stays. Keys of the usual providers, tokens that
 * are JSON, private keys, user info of URLs, and what follows `token=` and the like.
 */
export const SECRET_SHAPES: readonly RegExp[] = [
  /()-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /()\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}/g,
  /()\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|xapp-|npm_|hf_|AKIA|ASIA|AIza|dop_v1_)[A-Za-z0-9_-]{10,}/g,
  /()\beyJ[A-Za-z0-9_-]{8,1000}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?/g,
  /()\b\d{8,10}:[A-Za-z0-9_-]{35}\b/g,
  /(\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^/\s@"'<>]+@/gi,
  /(\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{6,}/gi,
  /([?&#;](?:token|access_token|api_?key|key|code|secret|password|auth|signature|sig)=)[^&\s"'<>]+/gi,
  /((?:^|[\s"'])--?[\w-]*(?:token|secret|password|api-?key|username)[= ])[^\s"']+/gi,
  /(\b[A-Z][A-Z0-9_]*(?:TOKEN|SECRET|PASSWORD|API_?KEY|AUTHORIZATION)\s*[=:]\s*)[^\s"',]+/g,
]
