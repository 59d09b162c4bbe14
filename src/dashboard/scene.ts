import type { Scene, SceneBody, SceneGeom, SceneJoint } from './protocol.ts';

/** The fields of the engine's compiled model that a picture needs. Its getters make views: each is read once. */
export interface CompiledModel {
  readonly nbody: number;
  readonly njnt: number;
  readonly ngeom: number;
  readonly nu: number;
  readonly body_parentid: ArrayLike<number>;
  readonly body_pos: ArrayLike<number>;
  readonly body_quat: ArrayLike<number>;
  readonly body_mass: ArrayLike<number>;
  readonly jnt_type: ArrayLike<number>;
  readonly jnt_bodyid: ArrayLike<number>;
  readonly jnt_pos: ArrayLike<number>;
  readonly jnt_axis: ArrayLike<number>;
  readonly jnt_qposadr: ArrayLike<number>;
  readonly geom_type: ArrayLike<number>;
  readonly geom_bodyid: ArrayLike<number>;
  readonly geom_size: ArrayLike<number>;
  readonly geom_pos: ArrayLike<number>;
  readonly geom_quat: ArrayLike<number>;
  readonly geom_contype: ArrayLike<number>;
  readonly qpos0: ArrayLike<number>;
  readonly names: ArrayLike<number>;
  readonly name_bodyadr: ArrayLike<number>;
  readonly name_jntadr: ArrayLike<number>;
  readonly name_geomadr: ArrayLike<number>;
  readonly name_actuatoradr: ArrayLike<number>;
}

const JOINTS = ['free', 'ball', 'slide', 'hinge'] as const;
const GEOMS = ['plane', 'hfield', 'sphere', 'capsule', 'ellipsoid', 'cylinder', 'box', 'mesh'] as const;

export type SceneExtras = Pick<Scene, 'task' | 'stepSeconds' | 'maxEpisodeSteps'> & Partial<Scene>;

/** Exports geometry and kinematics of a compiled model; the page computes every pose from `qpos` alone. */
export function exportScene(model: CompiledModel, extras: SceneExtras): Scene {
  const names = new TextDecoder().decode(Uint8Array.from(model.names));
  const name = (address: number) => names.slice(address, names.indexOf('\0', address));
  const rows = (array: ArrayLike<number>, i: number, width: number) =>
    Array.from({ length: width }, (_, k) => array[i * width + k]!);
  const all = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
  const { body_pos, body_quat, body_parentid, body_mass, name_bodyadr } = model;
  const bodies = all<SceneBody>(model.nbody, i => ({
    name: name(name_bodyadr[i]!),
    parent: body_parentid[i]!,
    pos: rows(body_pos, i, 3),
    quat: rows(body_quat, i, 4),
    mass: body_mass[i]!,
  }));
  const { jnt_type, jnt_bodyid, jnt_pos, jnt_axis, jnt_qposadr, name_jntadr } = model;
  const joints = all<SceneJoint>(model.njnt, i => ({
    name: name(name_jntadr[i]!),
    kind: JOINTS[jnt_type[i]!]!,
    body: jnt_bodyid[i]!,
    pos: rows(jnt_pos, i, 3),
    axis: rows(jnt_axis, i, 3),
    qpos: jnt_qposadr[i]!,
  }));
  const { geom_type, geom_bodyid, geom_size, geom_pos, geom_quat, geom_contype, name_geomadr } = model;
  const geoms = all<SceneGeom>(model.ngeom, i => ({
    name: name(name_geomadr[i]!),
    kind: GEOMS[geom_type[i]!] ?? 'other',
    body: geom_bodyid[i]!,
    size: rows(geom_size, i, 3),
    pos: rows(geom_pos, i, 3),
    quat: rows(geom_quat, i, 4),
    collides: geom_contype[i]! !== 0,
  }));
  const { name_actuatoradr } = model;
  const actions = all(model.nu, i => name(name_actuatoradr[i]!));
  return { bodies, joints, geoms, qpos0: Array.from(model.qpos0), actions, ...extras };
}
