import * as THREE from 'three';
import type { Scene } from '../../protocol.ts';
import { type CameraPreset, camerasOf, mazeBounds } from './cameras.ts';
import { contextOf } from './context.ts';
import { placeOf, SPACING } from './crowd.ts';
import { QUALITY, type Quality } from './frameRate.ts';
import { Ground } from './ground.ts';
import { Kinematics } from './kinematics.ts';
import { Lights } from './lights.ts';
import { currentLook, type Look } from './look.ts';
import { Maze } from './maze.ts';
import { Orbit } from './orbit.ts';
import { Contacts, Ghost, Skeleton, Trail } from './overlays.ts';
import { Paths } from './paths.ts';
import { bodyMaterials, isH1, type Materials, Robot } from './robot.ts';
import { Tube } from './tube.ts';

export interface WorldPose {
  readonly world: number;
  readonly qpos: ArrayLike<number>;
  /** What is left of a robot that fades before its next episode, 0 … 1. */
  readonly left?: number;
}

/** What is shown now. `worlds[followed]` is the robot the camera follows. */
export interface StagePose {
  readonly worlds: readonly WorldPose[];
  readonly followed: number;
  readonly ghost?: ArrayLike<number>;
  readonly contacts?: Float32Array;
}

/** The three-dimensional picture: ground, robots, ghost, contacts, trail, camera. Draws only when something changed. */
export class Stage {
  readonly canvas: HTMLCanvasElement;
  readonly orbit = new Orbit();
  readonly scene: Scene;
  readonly kinematics: Kinematics;
  readonly cameras: CameraPreset[];
  readonly root = new THREE.Scene();
  /** Where a body would go under some actions. */
  readonly paths = new Paths();
  show = { contacts: true, ghost: true, skeleton: false, shapes: false, trail: true };
  /** Where labels hang, in pixels of the canvas; undefined where there is none. */
  contactLabel: { x: number; y: number; newtons: number } | undefined;
  readonly #renderer: THREE.WebGLRenderer;
  readonly #ground: Ground;
  readonly #robots: Robot[] = [];
  readonly #ghost: Ghost;
  readonly #contacts: Contacts;
  /** In a maze, the whole way. */
  readonly tube: Tube | undefined;
  readonly #trail: Trail | Tube;
  readonly maze: Maze;
  readonly #skeleton: Skeleton;
  readonly #lights: Lights;
  readonly #ring: THREE.Mesh<THREE.RingGeometry, THREE.MeshBasicMaterial>;
  readonly #ghostKinematics: Kinematics;
  #materials: Materials;
  #look: Look;
  #pose: StagePose;
  readonly #body = new THREE.Vector3();
  /** Of the worlds side by side. */
  readonly #middle = new THREE.Vector3(0, 0, 0.5);
  #size = { width: 1, height: 1 };
  /** Less where the machine cannot keep up. */
  #quality: Quality = QUALITY[0]!;
  #start: ArrayLike<number> | undefined;
  #strongest: { point: THREE.Vector3; newtons: number } | undefined;

  /** Throws if the browser has no WebGL 2. */
  constructor(scene: Scene, canvas: HTMLCanvasElement) {
    this.scene = scene;
    this.canvas = canvas;
    this.#look = currentLook();
    this.#renderer = new THREE.WebGLRenderer({ canvas, context: contextOf(canvas) });
    this.#renderer.debug.checkShaderErrors = false; // asking each one stalls the page while it compiles
    this.#renderer.shadowMap.enabled = true;
    this.#renderer.shadowMap.type = THREE.PCFShadowMap;
    this.#renderer.toneMapping = THREE.NoToneMapping;
    this.kinematics = new Kinematics(scene);
    this.#ghostKinematics = new Kinematics(scene);
    this.cameras = camerasOf(scene);
    const maze = mazeBounds(scene);
    this.#ground = new Ground(maze ? 2 : 0.5, maze ? 3.2 : 1);
    this.#materials = bodyMaterials(this.#look, true);
    this.#ghost = new Ghost(scene, this.#look);
    this.#contacts = new Contacts(this.#look, /^ant/i.test(scene.task) ? 0.12 : 0.1);
    this.tube = maze ? new Tube(this.#look) : undefined;
    this.#trail = this.tube ?? new Trail(this.#look);
    this.maze = new Maze(scene, this.#look);
    this.#skeleton = new Skeleton(scene);
    this.#ring = new THREE.Mesh(
      new THREE.RingGeometry(0.62, 0.65, 64),
      new THREE.MeshBasicMaterial({ color: '#FFB121' }),
    );
    this.#lights = new Lights(maze ? 12 : 3);
    this.root.add(this.#ground.group, this.maze.group, this.#ghost.group, this.#contacts.group);
    this.root.add(this.#trail.object, this.#skeleton.lines, this.paths.group, this.#ring, this.#lights.group);
    this.#pose = { worlds: [{ world: 0, qpos: scene.qpos0 }], followed: 0 };
    this.useCamera(0);
    this.setLook();
  }

  /** Takes over the theme. */
  setLook(): void {
    const look = currentLook();
    this.#look = look;
    this.root.background = new THREE.Color(look.background);
    const far = Math.max(14, this.orbit.distance * 3.2);
    this.root.fog = new THREE.Fog(look.background, far * 0.55, far * 1.6);
    this.#useMaterials();
    for (const part of [this.#lights, this.#ground, this.#ghost, this.#contacts, this.#trail, this.maze])
      part.setLook(look);
  }

  #useMaterials(): void {
    for (const material of Object.values(this.#materials)) material.dispose();
    this.#materials = bodyMaterials(this.#look, this.#quality.fine);
    for (const robot of this.#robots) robot.setMaterials(this.#materials);
  }

  useCamera(index: number): void {
    const count = this.cameras.length;
    this.orbit.use(this.cameras[((index % count) + count) % count]!);
    this.setLook();
  }

  resize(width: number, height: number): void {
    this.#size = { width, height };
    this.#renderer.setPixelRatio(Math.min(2, devicePixelRatio) * this.#quality.scale);
    this.#renderer.setSize(width, height, false);
    this.orbit.setAspect(width / Math.max(1, height));
  }

  /** The robot that the camera follows. */
  get robot(): Robot | undefined {
    return this.#robots[this.#pose.followed];
  }

  /** Whether the robot is drawn otherwise than its collision shapes are. */
  get dressed(): boolean {
    return isH1(this.scene);
  }

  setQuality(quality: Quality): void {
    if (quality === this.#quality) return;
    this.#quality = quality;
    this.#useMaterials();
    for (const robot of this.#robots) robot.setFine(quality.fine);
    this.#ghost.setFine(quality.fine);
    this.resize(this.#size.width, this.#size.height);
  }

  setPose(pose: StagePose): void {
    this.#pose = pose;
  }

  /** Marks where an episode began, by its poses from the first on; of a live one that is not known. */
  markStart(qpos: ArrayLike<number> | undefined): void {
    if (qpos === this.#start) return;
    this.#start = qpos;
    if (qpos) this.kinematics.update(qpos);
    this.maze.setStart(qpos && this.kinematics.pos(this.#torso));
  }

  resetTrail(): void {
    this.#trail.clear();
    this.orbit.cut();
  }

  /** Draws one frame, `seconds` after the one before. */
  draw(seconds: number): void {
    const { worlds, followed } = this.#pose;
    const many = worlds.length > 1;
    while (this.#robots.length < worlds.length) this.#addRobot();
    this.#robots.forEach((robot, i) => {
      robot.group.visible = i < worlds.length;
      const world = worlds[i];
      if (!world) return;
      this.kinematics.update(world.qpos);
      robot.pose(this.kinematics);
      robot.showShapes(this.show.shapes);
      robot.fade(world.left ?? 1);
      const { x, y } = this.#shift(i, many);
      robot.group.position.set(x, y, 0);
    });
    this.#poseFollowed(worlds[followed] ?? worlds[0], followed, many);
    const shadows = this.#quality.shadows && worlds.length <= 4;
    this.#lights.shadows = this.#ground.shadows = shadows;
    this.maze.update(seconds, this.#body);
    this.orbit.update(seconds, this.#aside(many) ? this.#middle : this.#body);
    const { target } = this.orbit;
    this.#lights.follow(target);
    this.#ground.follow(target.x, target.y);
    const strongest = this.#strongest;
    this.contactLabel = strongest && { ...this.project(strongest.point), newtons: strongest.newtons };
    this.#renderer.render(this.root, this.orbit.camera);
  }

  #addRobot(): void {
    const robot = new Robot(this.scene, this.#materials);
    robot.setFine(this.#quality.fine);
    this.#robots.push(robot);
    this.root.add(robot.group);
  }

  /** Several worlds stand side by side; those of a maze all walk in the one. */
  #aside(many: boolean): boolean {
    return many && !this.maze.hasWalls;
  }

  /** How far the robot just posed is moved, so that its body is at its place. */
  #shift(i: number, many: boolean): { x: number; y: number } {
    if (!this.#aside(many)) return { x: 0, y: 0 };
    const place = placeOf(i, this.#pose.worlds.length);
    const [x, y] = this.kinematics.pos(this.#torso);
    return { x: place.x - x!, y: place.y - y! };
  }

  get #torso(): number {
    return Math.min(1, this.scene.bodies.length - 1);
  }

  /** Steps back until `count` worlds side by side are in the picture. */
  showAll(count: number): void {
    if (!this.#aside(count > 1)) return;
    const { camera } = this.orbit;
    const half = Math.tan((camera.fov * Math.PI) / 360) * Math.min(1, camera.aspect);
    this.orbit.distance = (Math.ceil(Math.sqrt(count)) * SPACING * 0.62) / half;
    this.orbit.elevation = Math.min(this.orbit.elevation, -20);
    this.setLook();
  }

  #poseFollowed(world: StagePose['worlds'][number] | undefined, followed: number, many: boolean): void {
    if (!world) return;
    this.kinematics.update(world.qpos);
    const shift = this.#shift(Math.min(followed, this.#pose.worlds.length - 1), many);
    const [x, y, z] = this.kinematics.pos(this.#torso);
    this.#body.set(x + shift.x, y + shift.y, z);
    this.#skeleton.lines.visible = this.show.skeleton;
    if (this.show.skeleton) this.#skeleton.pose(this.kinematics);
    this.#skeleton.lines.position.set(shift.x, shift.y, 0);
    const { ghost, contacts } = this.#pose;
    this.#ghost.group.visible = this.show.ghost && ghost !== undefined;
    if (ghost && this.show.ghost) {
      this.#ghostKinematics.update(ghost);
      this.#ghost.pose(this.#ghostKinematics);
    }
    this.#trail.object.visible = this.show.trail && !many;
    if (this.show.trail && !many) this.#trail.push(x, y, z);
    this.#ring.visible = many;
    this.#ring.position.set(this.#body.x, this.#body.y, 0.006);
    this.#contacts.group.position.set(shift.x, shift.y, 0);
    this.#strongest = this.#contacts.update(this.show.contacts ? contacts : undefined);
    this.#strongest?.point.add(this.#contacts.group.position);
  }

  /** World point → pixels of the canvas. */
  project(point: THREE.Vector3): { x: number; y: number } {
    const p = point.clone().project(this.orbit.camera);
    return { x: ((p.x + 1) / 2) * this.#size.width, y: ((1 - p.y) / 2) * this.#size.height };
  }

  /** Robots on the stage. */
  get robots(): number {
    return this.#pose.worlds.length;
  }

  /** The body under a pixel of the canvas, the place of its robot, and the point touched. */
  pick(x: number, y: number): { world: number; body: number; point: THREE.Vector3 } | undefined {
    const ray = new THREE.Raycaster();
    ray.setFromCamera(
      new THREE.Vector2((x / this.#size.width) * 2 - 1, 1 - (y / this.#size.height) * 2),
      this.orbit.camera,
    );
    for (let i = 0; i < this.#pose.worlds.length; i++) {
      const hit = ray.intersectObjects(this.#robots[i]?.meshes ?? [], false)[0];
      if (hit) return { world: i, body: hit.object.userData.body as number, point: hit.point };
    }
    return undefined;
  }

  /** The picture as PNG, at the next frame. */
  async snapshot(): Promise<Blob | null> {
    this.draw(0);
    return new Promise(resolve => this.canvas.toBlob(resolve));
  }

  dispose(): void {
    this.#renderer.dispose();
    this.#ground.dispose();
  }
}
