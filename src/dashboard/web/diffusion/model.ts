import type { CheckpointInfo } from '../../protocol.ts';
import type { AppState } from '../appState.ts';
import { integer } from '../format.ts';
import type { Player } from '../player.ts';
import type { Candidates } from '../policy/sampling.ts';
import { PhysicsClient } from '../worker/client.ts';
import type { Loaded, PolicyLoaded, Timing } from '../worker/messages.ts';

/** Where a picture of the policy stands: a state and the checkpoint that was asked. */
export interface Place {
  readonly qpos: Float64Array;
  readonly before: Float64Array | undefined;
  readonly checkpoint: number;
  readonly label: string;
}

/** The policy of a checkpoint in the page's own worker: samples it at the state on the stage. Loaded when first needed. */
export class PolicyModel {
  readonly #app: AppState;
  readonly #player: Player;
  #client: PhysicsClient | undefined;
  #task = '';
  #checkpoint = '';
  /** The other checkpoint, whose policy is the last of the actors. */
  #other = '';
  loaded: Loaded | undefined;
  policy: PolicyLoaded | undefined;
  timing: readonly Timing[] | undefined;
  /** What is being loaded: who asks meanwhile waits for the same. */
  #preparing: { readonly run: string | undefined; readonly ready: Promise<boolean> } | undefined;
  /** Why there is nothing to sample. */
  problem = '';

  constructor(app: AppState, player: Player) {
    this.#app = app;
    this.#player = player;
  }

  get client(): PhysicsClient {
    this.#client ??= new PhysicsClient(this.#app.makeWorker());
    return this.#client;
  }

  /** Task and newest weights, if they are not there yet. False (and `problem` says why) where the page cannot run them. */
  prepare(): Promise<boolean> {
    const run = this.#app.current;
    const known = this.#preparing;
    if (known && known.run === run) return known.ready;
    const ready = this.#prepare(3).finally(() => {
      if (this.#preparing?.ready === ready) this.#preparing = undefined;
    });
    this.#preparing = { run, ready };
    return ready;
  }

  async #prepare(attempts: number): Promise<boolean> {
    const app = this.#app;
    const snapshot = app.currentData?.snapshot;
    const run = app.run();
    if (!snapshot?.scene || !run) return this.#refuse('This task has no world that the page could run.');
    const chosen = snapshot.checkpoints.find(({ last }) => last) ?? snapshot.checkpoints.at(-1);
    if (!chosen) return this.#refuse('The first checkpoint has not been written yet.');
    try {
      const { task, xml } = snapshot.scene;
      if (this.#task !== `${task} ${xml}`) {
        this.loaded = await this.client.ask<'load'>({ type: 'load', task, xml });
        this.#task = `${task} ${xml}`;
        this.#checkpoint = this.#other = '';
      }
      const key = `${run.id}/${chosen.name}`;
      if (this.#checkpoint !== key) {
        const weights = await this.#weights(chosen);
        if (!weights) {
          // A quick training has deleted it since the list was made: the next list names a newer one.
          if (attempts <= 1) return this.#refuse(`Checkpoint ${chosen.name} is not there any more.`);
          await this.#newList();
          return this.#prepare(attempts - 1);
        }
        this.policy = await this.#load(weights);
        this.#checkpoint = key;
        this.timing = undefined;
      }
    } catch (error) {
      return this.#refuse((error as Error).message);
    }
    this.problem = '';
    return true;
  }

  /** The weights of a checkpoint; undefined when it is gone. Throws where it never had any. */
  async #weights({ name, files }: CheckpointInfo): Promise<Uint8Array | undefined> {
    const file = files.find(file => file === 'model.safetensors') ?? files.find(file => file.endsWith('.safetensors'));
    if (!file) throw new Error(`Checkpoint ${name} holds no weights.`);
    return this.#app.file(`checkpoints/${name}/${file}`);
  }

  #load(weights: Uint8Array, label?: string): Promise<PolicyLoaded> {
    const run = this.#app.run()!;
    const values = (this.#app.currentData?.snapshot?.config.values ?? {}) as Record<string, unknown>;
    const { algo, seed } = run;
    return this.client.ask<'policy'>({ type: 'policy', algo, seed, weights, values, label });
  }

  /** Another checkpoint's policy beside the newest: the index of its actor. Throws where it cannot be had. */
  async prepareOther(step: number): Promise<number> {
    if (!(await this.prepare())) throw new Error(this.problem);
    const checkpoint = this.#app.currentData?.snapshot?.checkpoints.find(other => other.step === step);
    if (!checkpoint) throw new Error(`The checkpoint of step ${integer(step)} is not kept.`);
    const key = `${this.#app.current}/${checkpoint.name}`;
    if (this.#other !== key) {
      const weights = await this.#weights(checkpoint);
      if (!weights) throw new Error(`The checkpoint of step ${integer(step)} is gone.`);
      this.policy = await this.#load(weights, `checkpoint ${integer(step)}`);
      this.#other = key;
    }
    return this.policy!.actors.length - 1;
  }

  /** The next list of checkpoints, or three seconds without one. */
  #newList(): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        off();
        clearTimeout(timer);
        resolve();
      };
      const off = this.#app.on('snapshot', run => run === this.#app.current && done());
      const timer = setTimeout(done, 3000);
    });
  }

  #refuse(problem: string): false {
    this.problem = problem;
    return false;
  }

  get checkpointStep(): number {
    return Number(this.#checkpoint.split('/').at(-1) ?? Number.NaN);
  }

  /** The state on the stage now; the one before it gives the velocity. */
  place(): Place | undefined {
    const player = this.#player;
    const { recording } = player;
    const checkpoint = this.checkpointStep;
    if (recording && !player.own) {
      const t = Math.min(recording.length, Math.max(0, Math.round(player.t)));
      const row = (i: number) => recording.qpos.slice(i * recording.nq, (i + 1) * recording.nq);
      return {
        qpos: row(t),
        before: t > 0 ? row(t - 1) : undefined,
        checkpoint,
        label: `${recording.kind} @ ${integer(recording.step)}, t = ${t}`,
      };
    }
    const pose = player.pose(performance.now());
    const world = pose?.worlds[pose.followed];
    const frame = player.frame?.worlds[player.world];
    return (
      world && {
        qpos: Float64Array.from(world.qpos),
        before: undefined,
        checkpoint,
        label: player.own
          ? `your own copy, t = ${player.own.now.t}`
          : frame
            ? `episode ${integer(frame.episode)}, t = ${frame.t}`
            : 'start',
      }
    );
  }

  /** The observation at a state, from the task's own code. */
  observe({ qpos, before }: Place) {
    return this.client.ask<'moment'>({ type: 'moment', qpos, before });
  }

  sample(observation: Float32Array, candidates: number, seed: number): Promise<Candidates> {
    return this.client.ask<'sample'>({
      type: 'sample',
      observation,
      candidates,
      seed,
    });
  }
}
