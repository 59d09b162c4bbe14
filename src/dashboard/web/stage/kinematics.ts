import type { Scene } from '../../protocol.ts';

/**
 * Positions and orientations of all bodies from joint positions: the engine's own forward kinematics (bodies in tree
 * order; hinge and ball turn about their anchor), in float64.
 */
export class Kinematics {
  readonly scene: Scene;
  /** [nbody × 3] metres, world. */
  readonly xpos: Float64Array;
  /** [nbody × 4] (w, x, y, z), unit. */
  readonly xquat: Float64Array;
  readonly #joints: Scene['joints'][number][][];

  constructor(scene: Scene) {
    this.scene = scene;
    const n = scene.bodies.length;
    this.xpos = new Float64Array(n * 3);
    this.xquat = new Float64Array(n * 4);
    this.xquat[0] = 1;
    this.#joints = Array.from({ length: n }, (_, body) => scene.joints.filter(joint => joint.body === body));
  }

  /** `qpos` [nq]. */
  update(qpos: ArrayLike<number>): void {
    const { bodies, qpos0 } = this.scene;
    for (let b = 1; b < bodies.length; b++) {
      const body = bodies[b]!;
      const joints = this.#joints[b]!;
      const [first] = joints;
      let pos: Vec;
      let quat: Quat;
      if (first?.kind === 'free') {
        const a = first.qpos;
        pos = [qpos[a]!, qpos[a + 1]!, qpos[a + 2]!];
        quat = normalize([qpos[a + 3]!, qpos[a + 4]!, qpos[a + 5]!, qpos[a + 6]!]);
      } else {
        const parentQuat = this.quat(body.parent);
        pos = add(this.pos(body.parent), rotate(parentQuat, body.pos));
        quat = multiply(parentQuat, body.quat as Quat);
        for (const joint of joints) {
          const anchor = add(pos, rotate(quat, joint.pos));
          const angle = qpos[joint.qpos]! - (qpos0[joint.qpos] ?? 0);
          if (joint.kind === 'slide') {
            pos = add(pos, scale(rotate(quat, joint.axis), angle));
            continue;
          }
          const turn: Quat =
            joint.kind === 'hinge'
              ? axisAngle(joint.axis, angle)
              : normalize([qpos[joint.qpos]!, qpos[joint.qpos + 1]!, qpos[joint.qpos + 2]!, qpos[joint.qpos + 3]!]);
          quat = multiply(quat, turn);
          pos = subtract(anchor, rotate(quat, joint.pos));
        }
        quat = normalize(quat);
      }
      this.xpos.set(pos, b * 3);
      this.xquat.set(quat, b * 4);
    }
  }

  pos(body: number): Vec {
    const { xpos } = this;
    return [xpos[body * 3]!, xpos[body * 3 + 1]!, xpos[body * 3 + 2]!];
  }
  quat(body: number): Quat {
    const { xquat } = this;
    return [xquat[body * 4]!, xquat[body * 4 + 1]!, xquat[body * 4 + 2]!, xquat[body * 4 + 3]!];
  }
}

export type Vec = readonly [number, number, number];
export type Quat = readonly [number, number, number, number];

export function rotate([w, x, y, z]: Quat, v: ArrayLike<number>): Vec {
  const [a, b, c] = [v[0]!, v[1]!, v[2]!];
  const tx = 2 * (y * c - z * b);
  const ty = 2 * (z * a - x * c);
  const tz = 2 * (x * b - y * a);
  return [a + w * tx + y * tz - z * ty, b + w * ty + z * tx - x * tz, c + w * tz + x * ty - y * tx];
}

export function multiply([a, b, c, d]: Quat, [e, f, g, i]: Quat): Quat {
  return [
    a * e - b * f - c * g - d * i,
    a * f + b * e + c * i - d * g,
    a * g - b * i + c * e + d * f,
    a * i + b * g - c * f + d * e,
  ];
}

function axisAngle(axis: ArrayLike<number>, angle: number): Quat {
  const s = Math.sin(angle / 2);
  return [Math.cos(angle / 2), axis[0]! * s, axis[1]! * s, axis[2]! * s];
}

function normalize(q: Quat): Quat {
  const length = Math.hypot(...q);
  return length > 0 ? [q[0] / length, q[1] / length, q[2] / length, q[3] / length] : [1, 0, 0, 0];
}

export function add(a: ArrayLike<number>, b: ArrayLike<number>): Vec {
  return [a[0]! + b[0]!, a[1]! + b[1]!, a[2]! + b[2]!];
}
export function subtract(a: ArrayLike<number>, b: ArrayLike<number>): Vec {
  return [a[0]! - b[0]!, a[1]! - b[1]!, a[2]! - b[2]!];
}
export function scale(a: ArrayLike<number>, k: number): Vec {
  return [a[0]! * k, a[1]! * k, a[2]! * k];
}

/** Between two poses: angles and positions linearly, quaternions of free and ball joints along the shorter arc. */
export function interpolate(
  scene: Scene,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  part: number,
  out: Float64Array,
): void {
  for (let i = 0; i < out.length; i++) out[i] = a[i]! + (b[i]! - a[i]!) * part;
  for (const joint of scene.joints) {
    if (joint.kind !== 'free' && joint.kind !== 'ball') continue;
    const at = joint.qpos + (joint.kind === 'free' ? 3 : 0);
    let dot = 0;
    for (let i = at; i < at + 4; i++) dot += a[i]! * b[i]!;
    const sign = dot < 0 ? -1 : 1;
    for (let i = at; i < at + 4; i++) out[i] = a[i]! + (sign * b[i]! - a[i]!) * part;
  }
}
