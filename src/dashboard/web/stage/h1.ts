import * as THREE from 'three';
import { RoundedBoxGeometry } from 'three/examples/jsm/geometries/RoundedBoxGeometry.js';
import type { Scene } from '../../protocol.ts';
import { capsule, type Materials, type Part, sphere } from './robot.ts';

/** Shells over H1's collision shapes: the model carries no meshes, and sticks are no robot. Drawn only; metres. */
export function dressH1(scene: Scene, bodies: readonly THREE.Group[], materials: Materials): THREE.Mesh[] {
  const meshes: THREE.Mesh[] = [];
  const index = (name: string) => scene.bodies.findIndex(body => body.name === name);
  const add = (body: string, part: Part, geometry: THREE.BufferGeometry, pos: readonly number[]) => {
    const b = index(body);
    if (b < 0) return undefined;
    const mesh = new THREE.Mesh(geometry, materials[part]);
    mesh.userData = { part, body: b };
    mesh.position.set(pos[0]!, pos[1]!, pos[2]!);
    bodies[b]!.add(mesh);
    meshes.push(mesh);
    return mesh;
  };
  const limb = (body: string, part: Part, from: readonly number[], to: readonly number[], radius: number) => {
    const a = new THREE.Vector3(from[0], from[1], from[2]);
    const b = new THREE.Vector3(to[0], to[1], to[2]);
    const middle = a.clone().add(b).multiplyScalar(0.5);
    const half = a.distanceTo(b) / 2;
    const mesh = add(body, part, capsule(radius, half), middle.toArray());
    mesh?.quaternion.setFromUnitVectors(new THREE.Vector3(0, 0, 1), b.sub(a).normalize());
  };
  const box = (x: number, y: number, z: number, r: number) => new RoundedBoxGeometry(x, y, z, 5, r);

  // Trunk: waist between the hips, chest with the mark, neck and head with a visor.
  add('pelvis', 'joint', sphere(0.085), [0, 0, -0.02]);
  add('pelvis', 'joint', box(0.14, 0.17, 0.13, 0.05), [0, 0, -0.12]);
  add('torso_link', 'joint', box(0.15, 0.18, 0.24, 0.06), [0, 0, 0.14]);
  add('torso_link', 'body', box(0.2, 0.27, 0.34, 0.06), [0.01, 0, 0.36]);
  add('torso_link', 'accent', box(0.012, 0.07, 0.026, 0.005), [0.112, 0, 0.44]);
  add('torso_link', 'joint', capsule(0.042, 0.04), [0.03, 0, 0.56]);
  add('torso_link', 'body', box(0.15, 0.13, 0.19, 0.055), [0.035, 0, 0.68]);
  add('torso_link', 'joint', box(0.05, 0.11, 0.13, 0.02), [0.095, 0, 0.68]);
  for (const [side, sign] of [
    ['left', 1],
    ['right', -1],
  ] as const) {
    const skin: Part = side === 'left' ? 'left' : 'body';
    add(`${side}_hip_yaw_link`, 'joint', sphere(0.07), [0, 0, 0]);
    add(`${side}_hip_roll_link`, 'joint', sphere(0.066), [0, 0, 0]);
    add(`${side}_hip_pitch_link`, 'joint', sphere(0.068), [0, -sign * 0.03, 0]);
    limb(`${side}_hip_pitch_link`, skin, [0, 0, -0.04], [0.01, 0, -0.34], 0.058);
    add(`${side}_knee_link`, 'joint', sphere(0.056), [0, 0, 0]);
    limb(`${side}_knee_link`, skin, [0.012, 0, -0.05], [0.012, 0, -0.34], 0.042);
    add(`${side}_ankle_link`, 'joint', sphere(0.04), [0, 0, 0]);
    add(`${side}_ankle_link`, 'joint', box(0.215, 0.082, 0.05, 0.02), [0.05, 0, -0.048]);
    add(`${side}_shoulder_pitch_link`, 'joint', sphere(0.058), [0, sign * 0.03, 0]);
    add(`${side}_shoulder_roll_link`, 'joint', sphere(0.05), [0, 0, 0]);
    limb(`${side}_shoulder_yaw_link`, skin, [0, 0, 0.05], [0, 0, -0.13], 0.04);
    limb(`${side}_shoulder_roll_link`, skin, [0, 0, -0.02], [0, 0, -0.09], 0.04);
    add(`${side}_elbow_link`, 'joint', sphere(0.046), [0, 0, 0]);
    limb(`${side}_elbow_link`, skin, [0.03, 0, 0], [0.26, 0, -0.015], 0.04);
  }
  return meshes;
}
