import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { command as view } from '../../src/cli/view/view.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const files = readdirSync(join(root, 'docker')).filter(name => name.endsWith('.Dockerfile'));

/** Instructions of a Dockerfile, continued lines joined. */
function instructions(name: string): [word: string, rest: string][] {
  const text = readFileSync(join(root, 'docker', name), 'utf8')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ');
  return text
    .split('\n')
    .filter(line => line.trim() !== '')
    .map(line => [line.split(' ', 1)[0]!, line.slice(line.indexOf(' ') + 1)]);
}

describe('docker', () => {
  it('has the three images', () => {
    expect(files.sort()).toEqual(['agent-gpu.Dockerfile', 'agent.Dockerfile', 'gym.Dockerfile']);
  });

  it.each(files)('%s copies what exists, pins its bases, runs without root, and is watched', name => {
    const lines = instructions(name);
    const words = new Set('FROM RUN COPY ENV WORKDIR USER EXPOSE HEALTHCHECK ENTRYPOINT CMD'.split(' '));
    expect(lines.filter(([word]) => !words.has(word))).toEqual([]);
    const stages = lines.flatMap(([word, rest]) => (word === 'FROM' ? [rest.split(' AS ')[1]] : []));
    for (const [word, rest] of lines) {
      if (word === 'FROM') expect(rest).toMatch(/^\S+:\d+\.\d+\.\d+-\S+/);
      if (word !== 'COPY') continue;
      const from = /--from=(\S+)/.exec(rest)?.[1];
      if (from) expect(stages).toContain(from);
      const sources = rest
        .split(' ')
        .filter(part => !part.startsWith('--'))
        .slice(0, -1);
      if (!from) for (const source of sources) expect(existsSync(join(root, source)), source).toBe(true);
    }
    const last = lines.slice(lines.findLastIndex(([word]) => word === 'FROM')).map(([word]) => word);
    expect(last.indexOf('USER')).toBeGreaterThan(0);
    expect(last.lastIndexOf('RUN')).toBeLessThan(last.indexOf('USER'));
    expect(last).toContain('HEALTHCHECK');
  });

  it('compose.yaml joins a trainer, two simulators with keys, and the viewer', () => {
    const path = join(root, 'docker/compose.yaml');
    const { services, volumes, networks } = parse(readFileSync(path, 'utf8'), { merge: true });
    expect(Object.keys(services).sort()).toEqual(['agent', 'gym-a', 'gym-b', 'view']);
    for (const [name, service] of Object.entries<Record<string, unknown>>(services)) {
      const { context, dockerfile } = service.build as { context: string; dockerfile: string };
      expect(existsSync(join(resolve(dirname(path), context), dockerfile)), name).toBe(true);
      for (const network of (service.networks as string[] | undefined) ?? []) expect(networks).toHaveProperty(network);
      for (const volume of service.volumes as string[]) {
        const [source] = volume.split(':') as [string];
        if (!source.startsWith('.')) expect(volumes).toHaveProperty(source);
      }
      expect(service.cap_drop, name).toEqual(['ALL']);
    }
    for (const name of ['gym-a', 'gym-b']) expect(services[name].command).toMatch(/--server-key .* --client-keys /);
    expect(services.agent.command).toMatch(/--sim tcp:\/\/gym-a:5555,tcp:\/\/gym-b:5555 --sim-keys/);
    const flags = [...(services.view.command as string).matchAll(/--([a-z-]+)/g)].map(match => match[1]);
    expect(view.options.map(({ name }) => name)).toEqual(expect.arrayContaining(flags));
  });
});
