import type { HostWorkspace } from '../api/host.ts'

/**
 * The list of workspaces that a host with many serves, as its openwork-server asks for changes of it: the server's clients
 * may add, name and forget them, and the program that runs the server keeps the list. When a change resolves, the
 * server's settings file has it.
 */
export type ListedWorkspaces = {
  /** All of them, and how they are as of the last look. */
  shown(): HostWorkspace[]
  /** Looks at how they are. Never rejects. */
  look(): Promise<void>
  /** Throws as for anybody who adds a folder. Resolves with its id; again for one that is listed already. */
  add(folder: { path: string; name: string | undefined }): Promise<{ id: string }>
  /** Null takes the name back. Throws `workspace_not_found`. */
  rename(id: string, name: string | null): Promise<void>
  /**
   * Its files stay; what runs there ends. Throws `workspace_not_found`, and unless `force` `workspace_busy` where something
   * runs or somebody holds a lease.
   */
  remove(id: string, request: { force: boolean }): Promise<void>
  /** Somebody began to use opencode there through the server. */
  used(id: string, atMs: number): void
}
