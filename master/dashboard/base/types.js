/**
 * The API's answers, as far as the dashboard reads them. docs/openapi.json describes them whole, and
 * tests/unit/master_api/test_dashboard.py holds these names to it.
 *
 * @typedef {"lost" | "failed" | "quarantined" | "behind" | "updating" | "serving" | "absent"} CellState
 * @typedef {"lost" | "troubled" | "well"} NodeState
 * @typedef {{state: CellState, count: number}} Tally
 * @typedef {{version: number, nodes: number}} VersionTally
 * @typedef {{kind: "latest", count: number} | {kind: "pinned", versions: number[]}} Want
 * @typedef {{is_stale: boolean, since: string, age_seconds: number, reason: string}} Freshness
 * @typedef {{freshness: Freshness, nodes: Record<NodeState, number>, models: number, cells: Tally[],
 *   sentences: string[]}} Overview
 * @typedef {{model: string, state: CellState, cells: Tally[], serving: VersionTally[], want: Want,
 *   labels: Record<string, number>, is_paused: boolean, is_removed: boolean, own_policies: number,
 *   revision: number}} ModelRow
 * @typedef {{version: number, serving: number, on_disk: number, fetching: number, failed: number,
 *   quarantined: number}} VersionSpread
 * @typedef {ModelRow & {versions: VersionSpread[], explain: string[]}} ModelView
 * @typedef {{node: string, state: NodeState, reason: string, since: string, cells: Tally[]}} NodeLine
 * @typedef {{overview: Overview, models: ModelRow[], nodes: NodeLine[]}} Board
 * @typedef {{state: CellState, serving: number[]}} MatrixCell
 * @typedef {MatrixCell & {model: string, node: string}} NewCell
 * @typedef {{is_whole: boolean, cells: NewCell[], models: ModelRow[], nodes: NodeLine[]}} BoardNews
 * @typedef {{models: string[], nodes: string[], cells: (MatrixCell | null)[][]}} MatrixPart
 * @typedef {{bytes_done: number, bytes_total: number, bytes_per_second: number, seconds_left: number | null}} Progress
 * @typedef {{model: string, node: string, state: CellState, reason: string, since: string, desired: number[],
 *   serving: number[], labels: Record<string, number>, progress: Progress | null}} CellRow
 * @typedef {{version: number, pulled: string | null, served: string | null, reason: string, since: string,
 *   progress: Progress | null}} VersionRow
 * @typedef {CellRow & {versions: VersionRow[], explain: string[]}} CellView
 * @typedef {{is_connected: boolean, since: string, reason: string}} Connection
 * @typedef {{total: number, free: number, reserve: number}} Disk
 * @typedef {{service: string, software: string, started: string, reported: string, is_lost: boolean,
 *   lost_since: string | null, is_ready: boolean, last_error: string, last_pass: string | null, http: string,
 *   connections: Record<string, Connection>, disk: Disk | null}} Service
 * @typedef {NodeLine & {services: Service[], models: CellRow[]}} NodeView
 * @typedef {{sequence: number, id: string, time: string, node: string, service: string, kind: string,
 *   model: string | null, version: number | null, sentence: string, data: Record<string, unknown>}} Entry
 * @typedef {{entries: Entry[], before: number | null}} HistoryPage
 * @typedef {{node: string, notified: string | null, download_started: string | null, published: string | null,
 *   available: string | null, served: string | null, quarantined: string | null, removed: string | null,
 *   reason: string, seconds_to_serve: number | null}} NodeTimeline
 * @typedef {{model: string, version: number, uploaded: string | null, nodes: NodeTimeline[],
 *   changes: Entry[]}} Timeline
 * @typedef {{node: string, sentences: string[]}} Foreseen
 * @typedef {{model: string, is_dry_run: boolean, is_changed: boolean, revision_before: number,
 *   revision_after: number, summary: string, nodes: Foreseen[]}} Made
 * @typedef {{node: string, service: string, is_done: boolean, sentences: string[], error: string}} Answer
 * @typedef {{answers: Answer[], unanswered: string[], seconds: number}} Gathered
 * @typedef {"viewer" | "operator" | "admin"} Role
 * @typedef {{name: string, role: Role, is_open: boolean}} Session
 */

/**
 * A part of a list.
 * @template T
 * @typedef {{items: T[], next: string | null, total: number}} Page
 */

export {};
