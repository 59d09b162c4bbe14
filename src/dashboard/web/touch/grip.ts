import * as THREE from 'three';
import type { Scene } from '../../protocol.ts';
import { integer } from '../format.ts';
import type { Stage } from '../stage/stage.ts';
import type { Push } from '../worker/messages.ts';

/** Newtons per kilogram and metre of drag; the cap is three times the body weight. */
const PULL = 15;
/** Of the pull, N m per N: what a turn of the same drag is worth. */
const TURN = 0.2;

/** A body held by a hand or a key. */
export interface Grip {
  readonly body: number;
  /** Where the body was taken, in its own frame. */
  readonly local: THREE.Vector3;
  readonly plane: THREE.Plane;
  readonly turning: boolean;
  readonly pointer: number;
  /** A key's push: from the body to where a hand would draw it. */
  readonly along?: THREE.Vector3;
}

/** The force (or torque) of a grip drawn from `from` to `to`, metres in the world, and its amount in words. */
export function pushOf(
  grip: Grip,
  from: THREE.Vector3,
  to: THREE.Vector3,
  scene: Scene,
): { push: Push; amount: string } {
  const total = scene.bodies.reduce((sum, body) => sum + body.mass, 0);
  const drag = to.clone().sub(from);
  const newtons = Math.min(total * PULL * drag.length(), 3 * total * 9.81);
  const force = grip.turning ? new THREE.Vector3() : drag.clone().setLength(newtons || 1e-9);
  const torque = grip.turning ? drag.multiplyScalar(total * PULL * TURN) : new THREE.Vector3();
  return {
    push: { body: grip.body, point: from.toArray(), force: force.toArray(), torque: torque.toArray() },
    amount: grip.turning ? `${integer(torque.length())} N m` : `${integer(newtons)} N`,
  };
}

export function bodyFrame(stage: Stage, body: number): THREE.Matrix4 {
  const [x, y, z] = stage.kinematics.pos(body);
  const [w, i, j, k] = stage.kinematics.quat(body);
  return new THREE.Matrix4().compose(
    new THREE.Vector3(x, y, z),
    new THREE.Quaternion(i, j, k, w),
    new THREE.Vector3(1, 1, 1),
  );
}
