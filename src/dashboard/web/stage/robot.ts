import * as THREE from 'three';
import type { Scene, SceneGeom } from '../../protocol.ts';
import { dressH1 } from './h1.ts';
import type { Kinematics } from './kinematics.ts';
import type { Look } from './look.ts';

export type Part = 'body' | 'left' | 'joint' | 'accent';

/** Materials shared by all parts of a robot. */
export type Materials = Readonly<Record<Part, THREE.Material>>;

/** `fine`: with a clear coat; otherwise plain paint, at a fraction of the cost of a pixel. */
export function bodyMaterials(look: Look, fine: boolean): Materials {
  const make = (color: string) =>
    fine
      ? new THREE.MeshPhysicalMaterial({ color, roughness: 0.52, clearcoat: 0.35, clearcoatRoughness: 0.35 })
      : new THREE.MeshLambertMaterial({ color });
  return { body: make(look.body), left: make(look.left), joint: make(look.joint), accent: make('#FFB121') };
}

function veilOf(materials: Materials): Materials {
  const thin = (material: THREE.Material) => Object.assign(material.clone(), { alphaHash: true });
  const { body, left, joint, accent } = materials;
  return { body: thin(body), left: thin(left), joint: thin(joint), accent: thin(accent) };
}

/**
 * A body drawn over the compiled model: every shape as it is, graphite balls at the hinges, feet and hands graphite, left
 * limbs in slate. Worlds of one model share geometry and materials.
 */
export class Robot {
  readonly group = new THREE.Group();
  readonly scene: Scene;
  /** One frame per body; geoms hang in them. */
  readonly bodies: THREE.Group[];
  readonly meshes: THREE.Mesh[] = [];
  readonly #shells: THREE.Object3D[] = [];
  readonly #shapes: THREE.Object3D[] = [];

  #materials: Materials;
  #veil: Materials | undefined;
  #left = 1;

  constructor(scene: Scene, materials: Materials) {
    this.scene = scene;
    this.#materials = materials;
    this.bodies = scene.bodies.map(() => new THREE.Group());
    this.group.add(...this.bodies);
    for (const geom of scene.geoms) this.#addGeom(geom, materials);
    this.#addJoints(materials);
    if (isH1(scene)) {
      for (const mesh of dressH1(scene, this.bodies, materials)) this.#own(mesh, this.#shells);
      for (const shape of this.#shapes) shape.visible = false;
    }
  }

  /** Puts every body where the kinematics have it. */
  pose(kinematics: Kinematics): void {
    const { xpos, xquat } = kinematics;
    for (let b = 0; b < this.bodies.length; b++) {
      const body = this.bodies[b]!;
      body.position.set(xpos[b * 3]!, xpos[b * 3 + 1]!, xpos[b * 3 + 2]!);
      body.quaternion.set(xquat[b * 4 + 1]!, xquat[b * 4 + 2]!, xquat[b * 4 + 3]!, xquat[b * 4]!);
    }
  }

  /** Shows the true collision shapes instead of what is drawn over them. */
  showShapes(on: boolean): void {
    if (this.#shells.length === 0) return;
    for (const shell of this.#shells) shell.visible = !on;
    for (const shape of this.#shapes) shape.visible = on;
  }

  setMaterials(materials: Materials): void {
    this.#materials = materials;
    this.#paint(materials);
    this.#veil = undefined;
    this.#left = 1;
  }

  /** Only `left` of it is there, 0 … 1: pixels are left out, so that limbs behind others do not shine through. */
  fade(left: number): void {
    if (left === this.#left) return;
    this.#left = left;
    this.#veil ??= veilOf(this.#materials);
    for (const material of Object.values(this.#veil)) material.opacity = left;
    this.#paint(left < 1 ? this.#veil : this.#materials);
  }

  #paint(materials: Materials): void {
    for (const mesh of this.meshes) mesh.material = materials[mesh.userData.part as Part];
  }

  /** Round shapes with all their corners, or with a seventh of them. */
  setFine(fine: boolean): void {
    for (const mesh of this.meshes)
      mesh.geometry = (mesh.geometry.userData as Detail)[fine ? 'fine' : 'coarse'] ?? mesh.geometry;
  }

  #own(mesh: THREE.Mesh, list: THREE.Object3D[]): void {
    mesh.castShadow = true;
    mesh.receiveShadow = true;
    this.meshes.push(mesh);
    list.push(mesh);
  }

  #addGeom(geom: SceneGeom, materials: Materials): void {
    if (geom.body === 0) return; // the world's own shapes are ground and walls
    const geometry = geometryOf(geom);
    if (!geometry) return;
    const part = partOf(geom, this.scene);
    const mesh = new THREE.Mesh(geometry, materials[part]);
    mesh.userData = { part, body: geom.body };
    place(mesh, geom.pos, geom.quat);
    this.bodies[geom.body]!.add(mesh);
    this.#own(mesh, this.#shapes);
    if (/head/.test(geom.name) && geom.kind === 'sphere') this.#addVisor(geom, materials);
  }

  /** A dark ball pushed forward: one sees where the head looks. */
  #addVisor(head: SceneGeom, materials: Materials): void {
    const visor = new THREE.Mesh(sphere(head.size[0]! * 0.78), materials.joint);
    visor.userData = { part: 'joint', body: head.body };
    visor.position.set(head.pos[0]! + 0.034, head.pos[1]!, head.pos[2]! + 0.004);
    this.bodies[head.body]!.add(visor);
    this.#own(visor, this.#shapes);
  }

  #addJoints(materials: Materials): void {
    const done = new Set<string>();
    for (const joint of this.scene.joints) {
      const key = `${joint.body} ${joint.pos.map(n => n.toFixed(3))}`;
      if (joint.kind !== 'hinge' || done.has(key)) continue;
      if (this.scene.bodies[joint.body]!.parent === 0 && isPlanar(this.scene)) continue; // the root's own slides and hinge
      done.add(key);
      const radius = limbRadius(this.scene, joint.body);
      if (!radius) continue;
      const ball = new THREE.Mesh(sphere(radius * 1.1), materials.joint);
      ball.userData = { part: 'joint', body: joint.body };
      ball.position.set(joint.pos[0]!, joint.pos[1]!, joint.pos[2]!);
      this.bodies[joint.body]!.add(ball);
      this.#own(ball, this.#shapes);
    }
  }
}

export function isH1(scene: Scene): boolean {
  return scene.bodies.some(body => body.name === 'left_hip_yaw_link');
}

/** No free joint at the root: the robot lives in a plane. */
export function isPlanar(scene: Scene): boolean {
  return !scene.joints.some(joint => joint.kind === 'free');
}

/** The thicker of the two limbs that meet (knee, elbow); at the trunk the thinner, or the ball would hide it. */
function limbRadius(scene: Scene, body: number): number {
  const parentBody = scene.bodies[body]!.parent;
  const own = radiusOf(scene, body);
  const parent = radiusOf(scene, parentBody);
  if (!own || !parent) return own || parent;
  return isLimb(scene, body) && isLimb(scene, parentBody) ? Math.max(own, parent) : Math.min(own, parent);
}

function isLimb(scene: Scene, body: number): boolean {
  return /left|right|thigh|leg|shin|foot|arm|aux/.test(scene.bodies[body]!.name);
}

function radiusOf(scene: Scene, body: number): number {
  const radii = scene.geoms
    .filter(geom => geom.body === body && (geom.kind === 'capsule' || geom.kind === 'sphere'))
    .map(geom => geom.size[0]!);
  return body > 0 && radii.length ? Math.min(...radii) : 0;
}

/** Front legs of planar robots count as left, so that a gait can be read from any side. */
function partOf(geom: SceneGeom, scene: Scene): Part {
  const names = `${geom.name} ${scene.bodies[geom.body]!.name}`;
  if (/foot|hand/.test(names) && (geom.kind === 'sphere' || isPlanar(scene))) return 'joint';
  if (/left/.test(names)) return 'left';
  return isPlanar(scene) && /^f(thigh|shin|foot)/.test(geom.name) ? 'left' : 'body';
}

export function place(object: THREE.Object3D, pos: ArrayLike<number>, quat: ArrayLike<number>): void {
  object.position.set(pos[0]!, pos[1]!, pos[2]!);
  object.quaternion.set(quat[1]!, quat[2]!, quat[3]!, quat[0]!);
}

/** A round shape knows itself with more and with fewer corners. */
interface Detail {
  readonly fine?: THREE.BufferGeometry;
  readonly coarse?: THREE.BufferGeometry;
}

const cache = new Map<string, THREE.BufferGeometry>();
/** `make(detail)`: with 1 the shape in full, with 3/8 that part of the corners each way. */
function cached(key: string, make: (detail: number) => THREE.BufferGeometry): THREE.BufferGeometry {
  let fine = cache.get(key);
  if (!fine) {
    fine = make(1);
    const detail: Detail = { fine, coarse: make(0.375) };
    for (const geometry of [fine, detail.coarse!]) geometry.userData = detail;
    cache.set(key, fine);
  }
  return fine;
}

export function sphere(radius: number): THREE.BufferGeometry {
  return cached(`sphere ${radius}`, detail => new THREE.SphereGeometry(radius, 32 * detail, 24 * detail));
}

/** Along local z, as the engine has it. */
export function capsule(radius: number, halfLength: number): THREE.BufferGeometry {
  return cached(`capsule ${radius} ${halfLength}`, detail =>
    new THREE.CapsuleGeometry(radius, halfLength * 2, Math.floor(12 * detail), 32 * detail).rotateX(Math.PI / 2),
  );
}

function geometryOf({ kind, size }: SceneGeom): THREE.BufferGeometry | undefined {
  const [a, b, c] = [size[0]!, size[1]!, size[2]!];
  switch (kind) {
    case 'sphere':
      return sphere(a);
    case 'capsule':
      return capsule(a, b);
    case 'cylinder':
      return cached(`cylinder ${a} ${b}`, () => new THREE.CylinderGeometry(a, a, b * 2, 32).rotateX(Math.PI / 2));
    case 'box':
      return cached(`box ${a} ${b} ${c}`, () => new THREE.BoxGeometry(a * 2, b * 2, c * 2));
    case 'ellipsoid':
      return cached(`ellipsoid ${a} ${b} ${c}`, detail =>
        new THREE.SphereGeometry(1, 32 * detail, 24 * detail).scale(a, b, c),
      );
    default:
      return undefined;
  }
}
