import { existsSync, readFileSync } from 'node:fs';

const names: readonly (readonly [flag: string, shown: string])[] = [
  ['avx512f', 'AVX-512'],
  ['avx2', 'AVX2'],
  ['asimd', 'NEON'],
  ['avx512_bf16', 'BF16'],
  ['amx_bf16', 'AMX'],
];

/** Vector instructions of the processor, by their usual names; empty where the system does not tell. */
export function cpuFeatures(): string[] {
  const path = '/proc/cpuinfo';
  if (!existsSync(path)) return process.arch === 'arm64' ? ['NEON'] : [];
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync(path, 'utf8'))?.[1] ?? '';
  const flags = new Set(line.trim().split(/\s+/));
  const found = names.filter(([flag]) => flags.has(flag)).map(([, shown]) => shown);
  return found.includes('AVX-512') ? found.filter(name => name !== 'AVX2') : found;
}
