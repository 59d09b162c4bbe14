import { availableParallelism } from 'node:os';
import { accelerated } from '../../backend/accelerated.ts';
import type { Dashboard } from '../../dashboard/child.ts';
import { bytesOf, type Frame, type WorldFrame } from '../../dashboard/protocol.ts';
import type { Glance, VectorEnv, VectorStep } from '../../env/env.ts';
import type { RunStore } from '../../runs/runStore.ts';

/** Live frames leave at most 20 times a second; the page draws in between. */
const FRAME_MS = 50;
/** Half as often where every core computes: the viewer's process then runs at the training's expense. */
const CROWDED_MS = 100;
/** And so often while nobody looks: who opens the page finds a picture soon. */
const UNWATCHED_MS = 500;
/** So many worlds are shown at most. */
const MOST_WORLDS = 16;

/** Which worlds are shown: all of up to sixteen, else those with the newest reset; one that stays keeps its place. */
export class Crowd {
  #places: number[] = [];

  /** `t`: steps since each world's reset. Those `lookedAt` are always among them. Returns the world at each place. */
  places(t: readonly number[], lookedAt: readonly number[]): readonly number[] {
    const kept = lookedAt.filter(world => world < t.length);
    const newest = t.map((_, world) => world).sort((a, b) => t[a]! - t[b]! || a - b);
    const wanted = new Set([...new Set([...kept, ...newest])].slice(0, MOST_WORLDS));
    if (this.#places.length !== wanted.size) this.#places = [...wanted].sort((a, b) => a - b);
    const entering = [...wanted].filter(world => !this.#places.includes(world));
    this.#places = this.#places.map(world => (wanted.has(world) ? world : entering.shift()!));
    return this.#places;
  }
}

/** Makes frames for the viewer, only when it can take one. */
export class Feed {
  readonly #dashboard: Dashboard;
  readonly #store: RunStore;
  #next = 0;
  #t: number[] = [];
  #episodes: number[] = [];
  readonly #crowd = new Crowd();
  readonly #frameMs = (accelerated()?.library.threads ?? 1) < availableParallelism() ? FRAME_MS : CROWDED_MS;

  constructor(dashboard: Dashboard, store: RunStore) {
    this.#dashboard = dashboard;
    this.#store = store;
  }

  async stepped(env: VectorEnv, step: number, result: VectorStep): Promise<void> {
    for (let i = 0; i < env.numEnvs; i++) this.#t[i] = (this.#t[i] ?? 0) + 1;
    for (const { env: world } of result.episodes) {
      this.#t[world] = 0;
      this.#episodes[world] = (this.#episodes[world] ?? 0) + 1;
    }
    const now = performance.now();
    if (now < this.#next || !this.#dashboard.idle || !env.qpos) return;
    this.#next = now + (this.#dashboard.worlds.length > 0 ? this.#frameMs : UNWATCHED_MS);
    const poses = await env.qpos();
    const glances = new Map<number, Glance | undefined>();
    for (const world of this.#dashboard.worlds) glances.set(world, await env.glance?.(world));
    const t = poses.map((_, world) => this.#t[world] ?? 0);
    const worlds = this.#crowd.places(t, this.#dashboard.worlds).map<WorldFrame>(world => {
      const glance = glances.get(world);
      return {
        world,
        episode: this.#episodes[world] ?? 0,
        t: t[world]!,
        qpos: bytesOf(poses[world]!),
        reward: result.rewards[world]!,
        terms: glance?.terms,
        contacts: glance && bytesOf(glance.contacts),
      };
    });
    const frame: Frame = { step, seconds: this.#store.seconds, worlds };
    this.#dashboard.publish(frame);
  }
}
