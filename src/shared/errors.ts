/**
 * Every failure a user can act on. A code is API: its meaning never changes.
 * `exitCode` is what a command ends with, `status` what an HTTP answer carries.
 */
export const FAILURES = {
  // usage: what was typed
  unknown_command: { exitCode: 2, status: 400 },
  unknown_flag: { exitCode: 2, status: 400 },
  missing_value: { exitCode: 2, status: 400 },
  invalid_value: { exitCode: 2, status: 400 },
  missing_argument: { exitCode: 2, status: 400 },
  unexpected_argument: { exitCode: 2, status: 400 },
  missing_flag: { exitCode: 2, status: 400 },
  flags_conflict: { exitCode: 2, status: 400 },
  not_available: { exitCode: 2, status: 501 },

  // a host: its workspace, folders, ports and services
  workspace_not_found: { exitCode: 3, status: 404 },
  workspace_not_a_folder: { exitCode: 3, status: 400 },
  workspace_unusable: { exitCode: 3, status: 403 },
  data_dir_unusable: { exitCode: 3, status: 500 },
  disk_full: { exitCode: 3, status: 507 },
  port_in_use: { exitCode: 3, status: 409 },
  port_not_allowed: { exitCode: 3, status: 403 },
  address_not_available: { exitCode: 3, status: 400 },
  server_verification_failed: { exitCode: 5, status: 502 },
  check_failed: { exitCode: 1, status: 500 },
  several_running_hosts: { exitCode: 2, status: 409 },
  no_running_host: { exitCode: 1, status: 404 },
  interrupted: { exitCode: 130, status: 503 },
  service_not_found: { exitCode: 2, status: 404 },

  // the background: hosts that go on without a terminal, and what shows them
  host_start_failed: { exitCode: 5, status: 503 },
  host_stop_failed: { exitCode: 1, status: 504 },
  host_connection_lost: { exitCode: 1, status: 503 },
  terminal_required: { exitCode: 2, status: 400 },
  log_not_found: { exitCode: 1, status: 404 },

  // the user's own settings
  user_config_invalid: { exitCode: 2, status: 422 },
  user_config_unusable: { exitCode: 3, status: 500 },
  unknown_setting: { exitCode: 2, status: 400 },

  // looking after an installation
  support_bundle_failed: { exitCode: 3, status: 500 },
  unknown_topic: { exitCode: 2, status: 404 },

  // the daemon: many workspaces, one of it for each data dir
  daemon_not_running: { exitCode: 1, status: 503 },
  daemon_already_running: { exitCode: 3, status: 409 },
  daemon_start_failed: { exitCode: 5, status: 503 },
  daemon_stop_failed: { exitCode: 1, status: 504 },
  daemon_state_unusable: { exitCode: 3, status: 500 },
  workspace_served_by_daemon: { exitCode: 3, status: 409 },
  workspace_ambiguous: { exitCode: 2, status: 409 },
  workspace_not_local: { exitCode: 2, status: 400 },
  workspace_limit_reached: { exitCode: 1, status: 409 },
  lease_not_found: { exitCode: 1, status: 404 },
  lease_limit_reached: { exitCode: 1, status: 409 },

  // hot reload
  workspace_busy: { exitCode: 1, status: 409 },
  opencode_config_invalid: { exitCode: 1, status: 422 },

  // sidecars: where binaries come from
  opencode_not_found: { exitCode: 4, status: 503 },
  opencode_version_mismatch: { exitCode: 4, status: 502 },
  opencode_not_executable: { exitCode: 4, status: 502 },
  external_not_allowed: { exitCode: 2, status: 403 },
  platform_not_supported: { exitCode: 4, status: 501 },
  sidecar_dir_unusable: { exitCode: 4, status: 500 },
  sidecar_download_failed: { exitCode: 4, status: 502 },
  sidecar_archive_invalid: { exitCode: 4, status: 502 },
  sidecar_checksum_mismatch: { exitCode: 4, status: 502 },
  sidecar_manifest_invalid: { exitCode: 4, status: 502 },
  sidecar_not_found: { exitCode: 4, status: 503 },
  sidecar_not_executable: { exitCode: 4, status: 502 },
  sidecar_version_mismatch: { exitCode: 4, status: 502 },

  // upgrade: another version of openwork in the place of this one
  upgrade_failed: { exitCode: 1, status: 502 },
  upgrade_not_possible: { exitCode: 1, status: 409 },

  // the HTTP surfaces: what a request may get wrong
  not_found: { exitCode: 1, status: 404 },
  unauthorized: { exitCode: 1, status: 401 },
  forbidden: { exitCode: 1, status: 403 },
  too_many_attempts: { exitCode: 1, status: 429 },
  host_not_allowed: { exitCode: 1, status: 403 },
  origin_not_allowed: { exitCode: 1, status: 403 },
  read_only: { exitCode: 1, status: 403 },
  invalid_path: { exitCode: 2, status: 400 },
  invalid_json: { exitCode: 2, status: 400 },
  invalid_payload: { exitCode: 2, status: 400 },
  body_too_large: { exitCode: 1, status: 413 },
  internal_error: { exitCode: 1, status: 500 },

  // openwork-server
  invalid_config: { exitCode: 2, status: 422 },
  config_file_unusable: { exitCode: 3, status: 500 },
  workspace_unauthorized: { exitCode: 1, status: 403 },
  invalid_scope: { exitCode: 2, status: 400 },
  token_not_found: { exitCode: 1, status: 404 },
  token_limit_reached: { exitCode: 1, status: 409 },
  token_store_unusable: { exitCode: 3, status: 500 },
  // pairing: one code for what is wrong, used or expired, so that a guess learns nothing
  pairing_not_found: { exitCode: 1, status: 404 },
  pairing_limit_reached: { exitCode: 1, status: 409 },
  invalid_jsonc: { exitCode: 1, status: 422 },
  opencode_unconfigured: { exitCode: 1, status: 400 },
  opencode_unreachable: { exitCode: 1, status: 503 },
  opencode_invalid_answer: { exitCode: 1, status: 502 },
  opencodeRouter_unconfigured: { exitCode: 1, status: 404 },
  opencodeRouter_unreachable: { exitCode: 1, status: 503 },
  opencode_reload_failed: { exitCode: 1, status: 502 },
  // the files of a workspace
  file_session_not_found: { exitCode: 1, status: 404 },
  file_not_found: { exitCode: 1, status: 404 },
  file_too_large: { exitCode: 1, status: 413 },
  range_not_satisfiable: { exitCode: 1, status: 416 },
  conflict: { exitCode: 1, status: 409 },
  read_failed: { exitCode: 1, status: 500 },
  write_failed: { exitCode: 1, status: 500 },
  operation_failed: { exitCode: 1, status: 500 },
  invalid_operation: { exitCode: 2, status: 400 },
  too_many_writes: { exitCode: 1, status: 429 },
  batch_too_large: { exitCode: 1, status: 413 },
  // the runtime behind a server: what its orchestrator can change
  runtime_upgrade_unavailable: { exitCode: 1, status: 501 },
  runtime_upgrade_failed: { exitCode: 1, status: 502 },
  invalid_services: { exitCode: 2, status: 400 },
  upgrade_in_progress: { exitCode: 1, status: 409 },

  // approvals
  write_denied: { exitCode: 1, status: 403 },
  approval_not_found: { exitCode: 1, status: 404 },
  too_many_approvals: { exitCode: 1, status: 429 },
  // nginx's status for it; nobody reads the answer
  requester_gone: { exitCode: 1, status: 499 },

  // clients of an HTTP surface: what became of a request
  server_unreachable: { exitCode: 1, status: 503 },
  server_invalid_answer: { exitCode: 1, status: 502 },
  request_refused: { exitCode: 1, status: 502 },
  // files sync
  sync_folder_unusable: { exitCode: 3, status: 400 },
  // supervisor: a service that does not come to the state someone waits for
  service_gave_up: { exitCode: 5, status: 503 },
  service_exited: { exitCode: 5, status: 503 },
  service_stopped: { exitCode: 5, status: 503 },
  service_not_replaced: { exitCode: 5, status: 503 },
  // run records
  run_id_in_use: { exitCode: 5, status: 409 },
} as const satisfies Record<string, { exitCode: number; status: number }>

export type FailureCode = keyof typeof FAILURES

/** Facts about a failure; a list where the wire format has one. */
export type FailureDetails = Readonly<Record<string, unknown>> | readonly unknown[]

/** A message of many parts: one sentence in JSON and in logs, a line for each part in a terminal. */
export type Account = { readonly head: string; readonly parts: readonly (string | Account)[] }

const sentenceOf = (account: string | Account): string =>
  typeof account === 'string' ? account : `${account.head}: ${account.parts.map(sentenceOf).join('; ')}`

export class OpenworkError extends Error {
  override readonly name = 'OpenworkError'
  readonly code: FailureCode
  /** What a command ends with: that of the code, or the one of the child whose failure this is. */
  readonly exitCode: number
  /** What an HTTP answer carries: that of the code, or the one of the upstream answer that is passed on. */
  readonly status: number
  /** What to do next, in one sentence; a command where there is one. */
  readonly hint: string | undefined
  /** Structured facts for machines: an HTTP body's `details`, a log record's attributes. */
  readonly details: FailureDetails | undefined
  /** The message in its parts, where it has several. */
  readonly account: Account | undefined

  constructor(
    code: FailureCode,
    message: string | Account,
    options: {
      hint?: string
      cause?: unknown
      details?: FailureDetails | undefined
      exitCode?: number
      status?: number
    } = {},
  ) {
    super(sentenceOf(message), { cause: options.cause })
    this.code = code
    this.exitCode = options.exitCode ?? FAILURES[code].exitCode
    this.status = options.status ?? FAILURES[code].status
    this.hint = options.hint
    this.details = options.details
    this.account = typeof message === 'string' ? undefined : message
  }
}

/** The system error code (`ENOENT`, `EADDRINUSE`, …) of a thrown value, if it has one. */
export const systemCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

/** For what cannot be looked at and so counts as not being there: nothing instead of a system error. */
export function unlessSystemError(error: unknown): undefined {
  if (systemCode(error) === undefined) throw error
  return undefined
}

/** What a thrown value says, without its stack. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))
