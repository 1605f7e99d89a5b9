/** What a host is called among its services, and in its log. */
export const ORCHESTRATOR = 'openwork-orchestrator'
