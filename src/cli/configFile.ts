import { readFileSync } from 'node:fs';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import { nearest, UsageError } from '../errors.ts';
import { Input, type Option } from './command.ts';

/** A `--config` file: keys in lowerCamel, whatever way they were written. */
export interface ConfigFile {
  readonly path: string;
  readonly values: Readonly<Record<string, string | number | boolean>>;
}

/**
 * Reads a YAML (or JSON) file of `key: value`, the keys being flags (`eval-every` or `evalEvery`). Throws `UsageError`
 * for a file that cannot be read, is no map, or holds lists and maps as values.
 */
export function readConfigFile(path: string): ConfigFile {
  let content: unknown;
  try {
    content = parseYaml(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof YAMLParseError) {
      throw new UsageError(`${path} is no YAML: ${error.message.split('\n')[0]!.replace(/:$/, '')}`);
    }
    const code = (error as NodeJS.ErrnoException).code;
    throw new UsageError(`--config ${path}: ${code === 'ENOENT' ? 'no such file' : (error as Error).message}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new UsageError(`${path} is not a list of "key: value" lines`);
  }
  const values: Record<string, string | number | boolean> = Object.create(null);
  for (const [key, value] of Object.entries(content)) {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      throw new UsageError(`${path}: ${key} is ${JSON.stringify(value)}, a number, text, true or false is wanted`);
    }
    const name = camel(key);
    if (name in values) throw new UsageError(`${path}: ${key} stands there twice`);
    values[name] = value;
  }
  return { path, values };
}

/**
 * The call with what the file adds: a flag given wins. Hyperparameters stay in the file, to be resolved with their
 * source. Throws `UsageError` for a key that is neither.
 */
export function withConfigFile(
  input: Input,
  file: ConfigFile,
  options: readonly Option[],
  hyperparameters: readonly Option[],
): Input {
  const names = new Map(options.map(option => [camel(option.name), option.name]));
  const others = new Set(hyperparameters.map(option => camel(option.name)));
  const given: Record<string, string> = {};
  for (const [key, value] of Object.entries(file.values)) {
    if (others.has(key)) continue;
    const name = names.get(key);
    if (name === undefined || name === 'config') throw unknownSetting(key, file, [...names.keys(), ...others]);
    given[name] = String(value);
  }
  return new Input(input.args, { ...given, ...input.given }, input.argv);
}

function unknownSetting(key: string, file: ConfigFile, known: readonly string[]): UsageError {
  const close = nearest(key, known);
  const remedies: [string, string][] = close.length > 0 ? [['did you mean', close.join('  ')]] : [];
  return new UsageError(`no setting "${key}" (config ${file.path})`, remedies);
}

/** `eval-every` → `evalEvery` */
export function camel(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
