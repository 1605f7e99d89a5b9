'use strict'

/** Why a source did not bring the file. `again`: whether asking it once more may help, `never`, `once` or `often`. */
class SourceFailure extends Error {
  constructor(what, again = 'never', { retryAfterMs = 0 } = {}) {
    super(what)
    this.again = again
    this.retryAfterMs = retryAfterMs
  }
}

const CONNECTION = /^(E(CONN(REFUSED|RESET|ABORTED)|PIPE|TIMEDOUT|PROTO)|HPE_\w+)$/
const NETWORK = /^(ENOTFOUND|EAI_\w+|E(NET|HOST)(UNREACH|DOWN))$/

/** What Node's sockets throw; anything else comes back as it is. */
function explainNetworkError(error, through = '') {
  if (error instanceof SourceFailure) return error
  const { code = '', message } = error
  const again = CONNECTION.test(code) ? 'often' : NETWORK.test(code) ? 'once' : 'never'
  if (again === 'never' && through === '') return error
  return new SourceFailure(`${through}${message || code}`, again) // several addresses that fail have no message
}

module.exports = { SourceFailure, explainNetworkError }
