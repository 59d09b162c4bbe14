/**
 * What the viewer's server and its page say to each other: msgpack over one websocket. No Node and no DOM here, so both
 * sides compile against the same types. Arrays travel as raw little-endian bytes (`Uint8Array`), because msgpack has none.
 *
 * A stream is a snapshot and numbered rows: a page that reloads or loses its connection subscribes again from the first
 * row it lacks, and nothing is lost or doubled. Frames carry no history: only the newest is ever sent.
 */
export const PROTOCOL_VERSION = 2;

/** Rows of `metrics.jsonl` travel in blocks of this many; block k holds the rows [k·1024, (k+1)·1024). */
export const ROWS_PER_BLOCK = 1024;

export type RunState = 'live' | 'paused' | 'finished' | 'stopped' | 'unreadable';

/** One line of the run table, without its curves. */
export interface RunSummary {
  /** Folder name, unique within the server. */
  readonly id: string;
  /** The directory, for commands to copy; empty in an exported page. */
  readonly path: string;
  readonly state: RunState;
  readonly algo: string;
  readonly task: string;
  readonly seed: number;
  readonly preset: string;
  /** Steps planned (environment steps online, gradient updates offline). */
  readonly totalSteps: number;
  readonly step: number;
  readonly seconds: number;
  /** Rows written so far. */
  readonly rows: number;
  /** When the last one was, ms since 1970 by the server's clock. */
  readonly written: number;
  readonly tags: readonly string[];
  readonly note: string;
  /** Why the run cannot be read, or why it stopped. */
  readonly problem?: string;
  /** What helps an unreadable run. */
  readonly remedy?: string;
  /** What of it could not be read, where the rest could. */
  readonly warning?: string;
}

export interface CheckpointInfo {
  readonly name: string;
  readonly step: number;
  readonly files: readonly string[];
  readonly last: boolean;
  readonly best: boolean;
}

export interface EpisodeInfo {
  readonly name: string;
  readonly step: number;
  readonly bytes: number;
}

/** A picture that the run drew (SVG): `agent toy` does. */
export interface FigureInfo {
  readonly name: string;
  /** When it was written, ms since 1970: it may be drawn again. */
  readonly written: number;
}

/** One world in a live frame. */
export interface WorldFrame {
  readonly world: number;
  readonly episode: number;
  /** Steps into the episode. */
  readonly t: number;
  /** float64 [nq] as bytes. */
  readonly qpos: Uint8Array;
  readonly reward: number;
  /** Terms of this step's reward, by name. */
  readonly terms?: Readonly<Record<string, number>>;
  /** float32 [n × 6] as bytes: point and force (N) of each contact, world axes. */
  readonly contacts?: Uint8Array;
}

export interface Frame {
  readonly step: number;
  /** Seconds since the run began. */
  readonly seconds: number;
  readonly worlds: readonly WorldFrame[];
}

/** Values of one metric in a block: the row each belongs to (uint32, from the block's first row) and the value (float64). */
export interface Column {
  readonly row: Uint8Array;
  readonly value: Uint8Array;
}

export interface RowBlock {
  readonly first: number;
  readonly count: number;
  /** float64 [count] as bytes each. */
  readonly step: Uint8Array;
  readonly seconds: Uint8Array;
  readonly columns: Readonly<Record<string, Column>>;
}

/** A body of the compiled model; quaternions are (w, x, y, z), lengths in metres. */
export interface SceneBody {
  readonly name: string;
  readonly parent: number;
  readonly pos: readonly number[];
  readonly quat: readonly number[];
  readonly mass: number;
}
export interface SceneJoint {
  readonly name: string;
  readonly kind: 'free' | 'ball' | 'slide' | 'hinge';
  readonly body: number;
  readonly pos: readonly number[];
  readonly axis: readonly number[];
  readonly qpos: number;
}
export interface SceneGeom {
  readonly name: string;
  readonly kind: 'plane' | 'sphere' | 'capsule' | 'ellipsoid' | 'cylinder' | 'box' | 'hfield' | 'mesh' | 'other';
  readonly body: number;
  readonly size: readonly number[];
  readonly pos: readonly number[];
  readonly quat: readonly number[];
  readonly collides: boolean;
}
/** Everything a page needs to draw a world and, with `xml`, to run its physics. */
export interface Scene {
  readonly task: string;
  readonly bodies: readonly SceneBody[];
  readonly joints: readonly SceneJoint[];
  readonly geoms: readonly SceneGeom[];
  readonly qpos0: readonly number[];
  readonly actions: readonly string[];
  /** Seconds of an environment step. */
  readonly stepSeconds: number;
  readonly maxEpisodeSteps: number;
  readonly xml?: string;
  /** A goal region on the ground: centre, success radius (m). */
  readonly goal?: { readonly pos: readonly number[]; readonly radius: number };
}

/** A published score of a task, for the dotted lines. */
export interface Published {
  readonly name: string;
  readonly value: number;
  readonly source: string;
  readonly protocol: string;
}

export interface Change {
  readonly step: number;
  readonly what: string;
  readonly from?: number;
  readonly to?: number;
  /** When it was made, ISO 8601. */
  readonly at?: string;
}

export interface Snapshot {
  readonly config: Readonly<Record<string, unknown>>;
  readonly summary?: Readonly<Record<string, unknown>>;
  readonly checkpoints: readonly CheckpointInfo[];
  readonly episodes: readonly EpisodeInfo[];
  readonly changes: readonly Change[];
  readonly figures: readonly FigureInfo[];
  readonly scene?: Scene;
  readonly published: readonly Published[];
}

export type ControlAction =
  | { readonly kind: 'pause' | 'resume' | 'update' | 'checkpoint' | 'evaluate' | 'end' }
  | { readonly kind: 'set'; readonly name: string; readonly value: number };

export type ClientMessage =
  | { readonly type: 'subscribe'; readonly run: string; readonly fromRow: number }
  | { readonly type: 'unsubscribe'; readonly run: string }
  /** `world`: the one whose reward terms and contacts are wanted; the first unless given. */
  | { readonly type: 'watch'; readonly run: string | null; readonly world?: number }
  | { readonly type: 'note'; readonly run: string; readonly tags: readonly string[]; readonly note: string }
  | { readonly type: 'control'; readonly run: string; readonly action: ControlAction };

export type ServerMessage =
  | {
      readonly type: 'hello';
      readonly version: number;
      readonly control: boolean;
      readonly home: string;
      /** The server's clock, ms since 1970. */
      readonly now: number;
    }
  | { readonly type: 'runs'; readonly runs: readonly RunSummary[] }
  | { readonly type: 'snapshot'; readonly run: string; readonly snapshot: Snapshot }
  /** The file was cut back (a resumed run): forget the rows, they come again from 0. */
  | { readonly type: 'reset'; readonly run: string }
  | { readonly type: 'rows'; readonly run: string; readonly block: RowBlock }
  | { readonly type: 'frame'; readonly run: string; readonly frame: Frame }
  /** `text`: what was wrong, or the kind of the act that the trainer has been asked for. */
  | { readonly type: 'answer'; readonly ok: boolean; readonly text: string };

/** Bytes of a typed array, without a copy. */
export function bytesOf(array: Float64Array | Float32Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Copies bytes to an aligned array; throws a RangeError if the length is no multiple of eight. */
export function float64Of(bytes: Uint8Array): Float64Array {
  return new Float64Array(new Uint8Array(bytes).buffer);
}
export function float32Of(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}
export function uint32Of(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(new Uint8Array(bytes).buffer);
}
