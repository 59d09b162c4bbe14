// Stands in for Node's modules in the browser: the task code reads its model files by name, which the server holds.

export async function readFile(path: string): Promise<string> {
  const name = path.split('/').at(-1)!;
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw Object.assign(new Error(`model file ${name} is missing`), { code: 'ENOENT' });
  return response.text();
}

export function dirname(path: string): string {
  return path.replace(/\/[^/]*$/, '');
}

export function join(...parts: string[]): string {
  return parts.join('/');
}

export function fileURLToPath(url: string | URL): string {
  return new URL(url).pathname;
}

export function availableParallelism(): number {
  return 1;
}
