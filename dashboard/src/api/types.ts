/** What the API sends; see `/docs`. */

export interface List<T> {
  items: T[];
  nextCursor: string | null;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  requestId: string;
  errors?: { pointer: string; message: string }[];
  stderr?: string[];
  toolError?: unknown;
  callId?: string;
  executionTime?: number;
}

export type Permission =
  | "mcp:read" | "mcp:write" | "mcp:execute" | "mcp:manage"
  | "gateway:read" | "gateway:manage" | "users:manage" | "audit:read";

export type Role = "admin" | "developer" | "executor" | "viewer";

export interface User {
  id: string;
  email: string;
  name: string;
  role: Role;
  disabled: boolean;
  createdAt: string;
  updatedAt: string;
}

export interface Me extends User {
  permissions: Permission[];
}

export type Health = "UNKNOWN" | "STARTING" | "HEALTHY" | "UNHEALTHY" | "STOPPED" | "ERROR";
export type Status = "stopped" | "starting" | "running" | "restarting" | "stopping" | "failed" | "unauthorized";
export type Isolation = "shared" | "per-user" | "per-session";

export interface ExitReport {
  reason: string;
  code: number | null;
  signal: number | null;
  at: string;
  stderr: string[];
}

export interface RuntimeStatus {
  status: Status;
  pid: number | null;
  uptime: number | null;
  restarts: number;
  lastExit: ExitReport | null;
  nextAttemptAt: string | null;
  protocolVersion: string | null;
  tools: number | null;
  inFlight: number;
  strayLines: number;
  strayAnswers: number;
}

export interface ToolRules {
  allow: string[];
  deny: string[];
  descriptions: Record<string, string>;
}

export interface Server {
  id: string;
  userId: string;
  name: string;
  description: string | null;
  transport: "stdio" | "streamable-http";
  command: string;
  args: string[];
  env: Record<string, string>;
  url: string | null;
  headers: Record<string, string>;
  isolation: Isolation;
  tools: ToolRules;
  enabled: boolean;
  healthStatus: Health;
  totalCalls: number;
  lastUsedAt: string | null;
  lastHealthCheck: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface ServerItem extends Server {
  runtimeStatus: RuntimeStatus;
}

export interface ServerDetails {
  server: Server;
  stats: { totalCalls: number; totalErrors: number; averageExecutionTime: number; totalExecutionTime: number };
  runtimeStatus: RuntimeStatus;
  /** Where it is remote and wants any. */
  authorization?: Authorization | null;
}

export interface Authorization {
  wanted: boolean;
  wantedScopes: string[];
  issuer: string | null;
  scopes: string[];
  expiresAt: string | null;
  renewable: boolean;
}

export interface Consenting {
  authorizationUrl: string;
  issuer: string;
  scopes: string[];
  expiresAt: string;
}

export interface OutputLine {
  seq: number;
  at: string;
  line: string;
}

/** JSON that is not there whole. */
export interface Excerpt {
  text: string;
  length: number;
  truncated: boolean;
  sha256: string | null;
}

export interface ToolCall {
  id: string;
  serverId: string;
  userId: string;
  toolName: string;
  parameters: unknown;
  parametersExcerpt: Excerpt | null;
  response: unknown;
  responseExcerpt: Excerpt | null;
  success: boolean;
  errorMessage: string | null;
  executionTime: number;
  createdAt: string;
}

/** A tool as its server describes it. */
export interface Tool {
  name: string;
  title?: string;
  description?: string;
  inputSchema?: Record<string, unknown>;
  outputSchema?: Record<string, unknown>;
  annotations?: {
    title?: string;
    readOnlyHint?: boolean;
    destructiveHint?: boolean;
    idempotentHint?: boolean;
    openWorldHint?: boolean;
  };
}

export interface Share {
  userId: string;
  permissions: Permission[];
}

export interface Overview {
  servers: { total: number; healthy: number; degraded: number; down: number };
  calls: { total: number; perMinute: number; errorRate: number; p50: number | null; p95: number | null; p99: number | null };
  restarts: number;
  since: string;
}

export interface CallBucket {
  start: string;
  calls: number;
  errors: number;
  average: number | null;
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

export interface HealthEntry {
  at: string;
  healthStatus: Health;
  reason: string | null;
}

export interface Usage {
  now: { cpu: number; memory: number; descriptors: number; processes: number; at: string } | null;
  samples: { cpu: number; memory: number; descriptors: number; processes: number; at: string }[];
}

export interface TimelineItem {
  at: string;
  kind: "stderr" | "ostler" | "call";
  level?: string;
  text: string;
  callId?: string;
}

export interface ImportAnswer {
  servers: { name: string; action: "create" | "update" | "skip" | "refuse"; problem?: string; ignored?: string[]; server?: Server }[];
}

/** What arrives on `/api/events`, by the event's name. */
export interface Events {
  server: {
    id: string;
    name: string;
    change: "created" | "updated" | "deleted" | "state";
    healthStatus: Health;
    runtimeStatus: RuntimeStatus | null;
  };
  exit: { serverId: string; report: ExitReport };
  restart: { serverId: string; attempt: number };
  "gave-up": { serverId: string; reason: string };
  call: {
    id: string;
    serverId: string;
    toolName: string;
    userId: string;
    success: boolean;
    errorMessage: string | null;
    executionTime: number;
    createdAt: string;
  };
  calls: { serverId: string; count: number; errors: number; sinceMs: number };
  gateway: { service: string; change: "registered" | "removed" | "instance" | "health"; instance?: string; healthy?: boolean };
  gap: { missed: number | null };
}

export interface CallDetails extends ToolCall {
  serverName: string;
  traceId?: string | null;
  meanwhile: { at: string; kind: "queued" | "restart" | "health" | "exit"; text: string }[];
}

export interface ApiKey {
  id: string;
  name: string;
  prefix: string;
  permissions: Permission[] | null;
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
  parentId: string | null;
}

export interface AuditEntry {
  id: string;
  createdAt: string;
  actorId: string | null;
  actor: string;
  action: string;
  target: string | null;
  outcome: "success" | "failure" | "denied";
  detail: string | null;
  address: string | null;
  requestId: string | null;
  credential: string | null;
}

/** Whether the audit log is as it was written. */
export interface Verdict {
  verified: boolean;
  entries: number;
  unkeyed: number;
  removed: number;
  removedByRetention: number;
  removedUntil: string | null;
  head: string | null;
  firstBroken: string | null;
  problem: "changed" | "missing" | "unlinked" | "unkeyed" | "key" | "anchor" | "cut" | null;
}

export interface Latency {
  p50: number;
  p90: number;
  p99: number;
}

export interface ErrorCounts {
  connect: number;
  timeout: number;
  reset: number;
  protocol: number;
  serverError: number;
  aborted: number;
}

export interface Breaker {
  state: "closed" | "open" | "half-open";
  consecutiveFailures: number;
  ejections: number;
  retryIn: number | null;
}

export interface InstanceStats {
  host: string;
  port: number;
  weight: number;
  draining: boolean;
  requests: number;
  errors: ErrorCounts;
  inFlight: number;
  latency: Latency | null;
}

export interface ServiceStats {
  name: string;
  requests: number;
  errors: ErrorCounts;
  inFlight: number;
  retries: number;
  noInstance: number;
  rateLimited: number;
  latency: Latency | null;
  instances: InstanceStats[];
}

export interface InstanceHealth {
  host: string;
  port: number;
  weight: number;
  status: "unknown" | "healthy" | "unhealthy";
  available: boolean;
  breaker: Breaker;
  lastCheck: string | null;
  responseTime: number | null;
  history: { at: string; healthy: boolean; status: number | null; responseTime: number; error: string | null }[];
}

export interface ServiceHealth {
  name: string;
  status: "healthy" | "degraded" | "unhealthy";
  available: number;
  total: number;
  instances: InstanceHealth[];
}

/** What somebody registers. */
export interface ServiceSpec {
  name: string;
  basePath: string;
  instances: { host: string; port: number; weight: number; draining?: boolean }[];
  authentication: boolean;
  passCredentials?: boolean;
  stripPrefix?: boolean;
  healthEndpoint?: string | null;
  loadBalancing?: string | null;
  timeout?: number | null;
  retries?: number;
  maxConnections?: number | null;
  maxBodyBytes?: number | null;
  rateLimit?: { windowMs: number; max: number } | null;
  healthCheck?: { path: string | null; interval: number | null; timeout: number; healthyAfter: number; unhealthyAfter: number };
}

/** A service with its figures and its health. */
export interface Service extends ServiceSpec {
  createdAt: string;
  updatedAt: string;
  stats: ServiceStats;
  health: ServiceHealth;
}

export interface System {
  version: string;
  startedAt: string;
  database: { kind: "sqlite" | "postgres"; sizeBytes: number; migrations: string[] };
  configuration: { key: string; value: string; origin: string }[];
  isolation: Record<"shared" | "perUser" | "perSession", number>;
  limits: Record<"serverCreate" | "toolExecute" | "api" | "change", string | null> & Record<"maxStarting" | "maxInFlight", number>;
}
