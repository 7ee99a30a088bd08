/** The answers about what was; part of base/types.d.ts. */

import { Version } from "./types.js";

export interface Entry {
  sequence: number;
  id: string;
  time: string;
  node: string;
  service: string;
  kind: string;
  model: string | null;
  version: Version | null;
  sentence: string;
  data: Record<string, unknown>;
}

export interface HistoryPage {
  entries: Entry[];
  before: number | null;
  looked_back_to: string | null;
}

export interface NodeTimeline {
  node: string;
  notified: string | null;
  download_started: string | null;
  published: string | null;
  available: string | null;
  served: string | null;
  quarantined: string | null;
  removed: string | null;
  reason: string;
  seconds_to_serve: number | null;
  signed_by: string;
  provenance: string;
}

export interface Timeline {
  model: string;
  version: Version;
  uploaded: string | null;
  nodes: NodeTimeline[];
  changes: Entry[];
}
