import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { envInfo } from '../../../envs/registry.ts';
import {
  type EpisodeInfo,
  PROTOCOL_VERSION,
  ROWS_PER_BLOCK,
  type RunSummary,
  type ServerMessage,
  type Snapshot,
} from '../../dashboard/protocol.ts';
import { RunFolder } from '../../dashboard/runFolder.ts';
import { singleFile } from '../../dashboard/singleFile.ts';
import { AgentError, UsageError } from '../../errors.ts';
import { readCheckpoint } from '../../runs/readRun.ts';
import { readConfig } from '../../runs/runConfig.ts';
import { encodeSafetensors } from '../../runs/safetensors.ts';
import { isOptimizerState } from '../view/pagePolicy.ts';
import { published, sceneOf } from '../view/sceneOf.ts';
import type { Exporter } from './export.ts';

/** Recorded episodes that travel with the page: the nearest to the checkpoint. */
const MAX_EPISODES = 2;

/**
 * The touch-it page of one policy as a single file: viewer, engine, kernels, task, weights and curves. Opens without a
 * server. Throws `UsageError` for a run whose task has no body, `AgentError` where the page is not built.
 */
export const exportHtml: Exporter = async ({ directory, checkpoint: which, out }) => {
  const { algo } = readConfig(directory);
  const checkpoint = await readCheckpoint(directory, which);
  const folder = new RunFolder(directory);
  while (folder.metrics.poll());
  const summary = { ...folder.describe(false, Date.now()), path: '', state: 'finished' as const };
  const scene = await sceneOf(summary.task, folder.config).catch(error => {
    throw new UsageError(
      `${directory} was trained on ${summary.task}, which has no robot to touch: ${(error as Error).message}`,
    );
  });
  const tensors = new Map([...checkpoint.tensors].filter(([name]) => !isOptimizerState(name)));
  const weights = new Uint8Array(Buffer.concat(encodeSafetensors(tensors)));
  const name = String(checkpoint.step);
  const files: Record<string, Uint8Array> = { [`checkpoints/${name}/model.safetensors`]: weights };
  const distance = ({ step }: EpisodeInfo) => Math.abs(step - checkpoint.step);
  const episodes = folder
    .episodes()
    .sort((a, b) => distance(a) - distance(b))
    .slice(0, MAX_EPISODES);
  for (const { name } of episodes)
    files[`episodes/${name}`] = new Uint8Array(readFileSync(join(folder.path, 'episodes', name)));
  const best = folder.checkpoints().some(other => other.best && other.step === checkpoint.step);
  const snapshot: Snapshot = {
    config: folder.config,
    summary: folder.summary,
    checkpoints: [{ name, step: checkpoint.step, files: ['model.safetensors'], last: true, best }],
    episodes: episodes.sort((a, b) => a.step - b.step),
    changes: folder.changes(),
    figures: [],
    scene,
    published: published(summary.task),
  };
  const title = `${summary.task} · ${algo.toUpperCase()}`;
  const messages = messagesOf(folder, summary, snapshot);
  const assets = fileURLToPath(new URL('../../../dashboard/', import.meta.url));
  const { html, parts } = singleFile(assets, { title, messages, files, models: [envInfo(scene.task).model] });
  const file = resolve(out ?? join(directory, 'policy.html'));
  write(file, html);
  return { file, bytes: Buffer.byteLength(html), checkpoint: checkpoint.step, parts };
};

/** What a server would have said of this run. */
function messagesOf(folder: RunFolder, summary: RunSummary, snapshot: Snapshot): ServerMessage[] {
  const blocks = Math.ceil(folder.metrics.rows / ROWS_PER_BLOCK);
  return [
    { type: 'hello', version: PROTOCOL_VERSION, control: false, home: '', now: Date.now() },
    { type: 'runs', runs: [summary] },
    { type: 'snapshot', run: folder.id, snapshot },
    ...Array.from({ length: blocks }, (_, k) => ({
      type: 'rows' as const,
      run: folder.id,
      block: folder.metrics.block(k * ROWS_PER_BLOCK),
    })),
  ];
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new AgentError(`${file} cannot be written: ${(error as Error).message}`);
  }
}
