import { homedir } from 'node:os';
import { join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where datasets and downloads live: `AGENT_HOME`, by default `agent` in the XDG cache directory. */
export function agentHome(env: Environment = process.env): string {
  if (env.AGENT_HOME) return env.AGENT_HOME;
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'agent');
}

/** `AGENT_HOME/datasets`. */
export function datasetHome(env: Environment = process.env): string {
  return join(agentHome(env), 'datasets');
}
