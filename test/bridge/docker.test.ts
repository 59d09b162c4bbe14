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

/** What a value may be: one of several, a kind of it, a list of them, or a map with these keys, `*` standing for any. */
type Shape =
  | RegExp
  | 'boolean'
  | readonly [Shape]
  | { readonly [key: string]: Shape }
  | { readonly either: readonly Shape[] };

const text = /^[\s\S]+$/;
const words = { either: [text, [text]] } as const;
const duration = /^(\d+(us|ms|s|m|h))+$/;

/** The part of the Compose Specification (its compose-spec.json) that is relied on. Keys that it has and we use, no others. */
const service: Shape = {
  build: { context: text, dockerfile: text },
  command: words,
  depends_on: { either: [[text], { '*': { condition: /^service_(started|healthy|completed_successfully)$/ } }] },
  volumes: [/^[^:]+:\/[^:]+(:(ro|rw))?$/],
  networks: [text],
  network_mode: text,
  restart: /^(no|always|on-failure(:\d+)?|unless-stopped)$/,
  read_only: 'boolean',
  tmpfs: words,
  cap_drop: [text],
  security_opt: [text],
  stop_grace_period: duration,
};
const composeFile: Shape = {
  name: /^[a-z0-9][a-z0-9_-]*$/,
  'x-gym': service,
  services: { '*': service },
  networks: { '*': {} },
  volumes: { '*': {} },
};

/** Where a value differs from its shape. */
function refusals(value: unknown, shape: Shape, path: string): string[] {
  if (shape === 'boolean') return typeof value === 'boolean' ? [] : [path];
  if (shape instanceof RegExp) return typeof value === 'string' && shape.test(value) ? [] : [path];
  if (Array.isArray(shape))
    return Array.isArray(value) ? value.flatMap((item, i) => refusals(item, shape[0], `${path}[${i}]`)) : [path];
  if ('either' in shape) {
    const all = (shape.either as readonly Shape[]).map(one => refusals(value, one, path));
    return all.some(found => found.length === 0) ? [] : all.flat();
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
  const known = shape as Readonly<Record<string, Shape>>;
  return Object.entries(value).flatMap(([key, item]) => {
    const one = known[key] ?? known['*'];
    return one ? refusals(item, one, `${path}.${key}`) : [`${path}.${key}`];
  });
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

  it('compose.yaml is valid by the schema of the Compose Specification', () => {
    const text = readFileSync(join(root, 'docker/compose.yaml'), 'utf8');
    const problems = (yaml: string) => refusals(parse(yaml, { merge: true }), composeFile, 'compose');
    expect(problems(text)).toEqual([]);
    for (const [good, bad] of [
      ['cap_drop: [ALL]', 'cap_drops: [ALL]'],
      ['condition: service_healthy', 'condition: healthy'],
      ['read_only: true', 'read_only: [1]'],
      ['context: ..', 'kontext: ..'],
    ] as const) {
      expect(text).toContain(good);
      expect(problems(text.replace(good, bad)), bad).not.toEqual([]);
    }
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
