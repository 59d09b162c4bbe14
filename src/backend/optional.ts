import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from './packageRoot.ts';

/** Backends from packages that are not installed unasked: hundreds of megabytes, or a GPU library. */
export const optionalNames = ['webgpu', 'tensorflow'] as const;
export type OptionalName = (typeof optionalNames)[number];

/** The packages of each, of which the first that is found tells whether it is installed. */
export const optionalPackages: Readonly<Record<OptionalName, readonly string[]>> = {
  tensorflow: ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'],
  webgpu: ['webgpu'],
};

/** Adds one; the same for every user. */
export const addCommand = (name: OptionalName) => `npx agent doctor --add ${name}`;

/** Where `addCommand` puts its packages: below this package, so that they find its tfjs and no second one. */
export function optionalFolder(name: OptionalName): string {
  return join(packageRoot(), 'dist/optional', name);
}

/** The file of a package of an optional backend, installed beside this one or by `addCommand`. */
export function locate(name: OptionalName, specifier: string): string | undefined {
  for (const from of [import.meta.url, join(optionalFolder(name), 'package.json')]) {
    try {
      return createRequire(from).resolve(specifier);
    } catch {} // resolving fails for one reason: it is not there
  }
  return undefined;
}

/** The package that an optional backend would start from; undefined where none is installed. */
export function installedPackage(name: OptionalName): string | undefined {
  return optionalPackages[name].find(specifier => locate(name, specifier));
}

export async function importFile(file: string): Promise<unknown> {
  return import(pathToFileURL(file).href);
}

export function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n')[0]!;
}
