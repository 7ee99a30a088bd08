/** The API's answers, as far as the dashboard reads them; test_dashboard.py holds these names to docs/openapi.json. */

export * from "./history.js";

type NotAsDesired = "lost" | "failed" | "quarantined" | "behind" | "held back";
export type CellState = NotAsDesired | "updating" | "uploading" | "not managed" | "serving" | "absent";

/** An int64: where a number would be rounded, a bigint (base/json.js). */
export type Version = number | bigint;

export type NodeState = "lost" | "troubled" | "well";

export interface Tally {
  state: CellState;
  count: number;
}

export interface VersionTally {
  version: Version;
  nodes: number;
}

export type Want = { kind: "latest"; count: number } | { kind: "pinned"; versions: Version[] };

export interface Freshness {
  is_stale: boolean;
  since: string;
  age_seconds: number;
  reason: string;
}

export interface Overview {
  freshness: Freshness;
  nodes: Record<NodeState, number>;
  models: number;
  cells: Tally[];
  sentences: string[];
  warnings: string[];
  about_models: string[];
}

export interface ModelRow {
  model: string;
  state: CellState;
  cells: Tally[];
  serving: VersionTally[];
  defaults: VersionTally[];
  want: Want;
  labels: Record<string, Version>;
  is_paused: boolean;
  is_removed: boolean;
  own_policies: number;
  revision: number;
}

export interface VersionSpread {
  version: Version;
  serving: number;
  on_disk: number;
  fetching: number;
  failed: number;
  quarantined: number;
  signed_by: string[];
  provenance: string[];
}

export interface ModelView extends ModelRow {
  versions: VersionSpread[];
  explain: string[];
}

export interface NodeLine {
  node: string;
  state: NodeState;
  reason: string;
  since: string;
  cells: Tally[];
}

export interface Board {
  overview: Overview;
  models: ModelRow[];
  nodes: NodeLine[];
}

export interface MatrixCell {
  state: CellState;
  serving: Version[];
}

export interface NewCell extends MatrixCell {
  model: string;
  node: string;
}

export interface BoardNews {
  is_whole: boolean;
  cells: NewCell[];
  models: ModelRow[];
  nodes: NodeLine[];
}

export interface MatrixPart {
  models: string[];
  nodes: string[];
  cells: (MatrixCell | null)[][];
}

export interface Progress {
  bytes_done: number;
  bytes_total: number;
  bytes_per_second: number;
  seconds_left: number | null;
  bytes_from_neighbours?: number;
}

export interface CellRow {
  model: string;
  node: string;
  state: CellState;
  reason: string;
  since: string;
  desired: Version[];
  serving: Version[];
  default_version: Version | null;
  labels: Record<string, Version>;
  progress: Progress | null;
}

export interface VersionRow {
  version: Version;
  pulled: string | null;
  served: string | null;
  reason: string;
  since: string;
  progress: Progress | null;
}

export interface CellView extends CellRow {
  versions: VersionRow[];
  explain: string[];
}

export interface Connection {
  is_connected: boolean;
  since: string;
  reason: string;
}

export interface Disk {
  total: number;
  free: number;
  reserve: number;
  models: number | null;
}

export interface Service {
  service: string;
  software: string;
  started: string;
  reported: string;
  is_lost: boolean;
  lost_since: string | null;
  is_ready: boolean;
  last_error: string;
  last_pass: string | null;
  http: string;
  connections: Record<string, Connection>;
  disk: Disk | null;
}

export interface NodeView extends NodeLine {
  services: Service[];
  models: CellRow[];
}

export type Foreseen = { node: string; sentences: string[] };

export interface Made {
  model: string;
  is_dry_run: boolean;
  is_changed: boolean;
  revision_before: number;
  revision_after: number;
  summary: string;
  nodes: Foreseen[];
}

export interface Answer {
  node: string;
  service: string;
  is_done: boolean;
  sentences: string[];
  error: string;
}

export interface Gathered {
  answers: Answer[];
  unanswered: string[];
  seconds: number;
}

export type Role = "viewer" | "operator" | "admin";
export interface Session {
  name: string;
  role: Role;
  is_open: boolean;
}

export interface Page<T> {
  items: T[];
  next: string | null;
  total: number;
}
