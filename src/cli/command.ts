import { nearest, type Remedy, UsageError } from '../errors.ts';

/** Where text goes; `process.stdout` and `process.stderr` are two. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  /** `resize`: the terminal has another width now. */
  on?(event: 'resize', listener: () => void): unknown;
  off?(event: 'resize', listener: () => void): unknown;
}

/** The world a command sees. Results go to `stdout`, progress and messages to `stderr`. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A flag: `--name VALUE`, or `--name` alone where `value` is absent. */
export interface Option {
  /** Kebab-case, without the dashes. */
  readonly name: string;
  /** Placeholder of the value in help: `N`, `DIR`, `paper|fast|auto`. Absent: a switch. */
  readonly value?: string;
  readonly doc: string;
  /** The default as help shows it. */
  readonly default?: string;
  /** A last column of help: values that tasks change. */
  readonly note?: string;
  /** May be left without its value (a boolean hyperparameter: `--name` means `--name true`). */
  readonly bare?: boolean;
}

/**
 * A command of `agent`. Its module is loaded only when it is called, and exports it as `command`.
 *
 *     export const command: Command = {
 *       name: 'doctor', args: '', options: [], run: async (input, io) => { io.stdout.write('fine\n'); return 0; },
 *     };
 */
export interface Command {
  readonly name: string;
  /** What help shows after the name: `RUN`, `[RUN…]`, `ls | info ID`. */
  readonly args: string;
  /** At most so many positional arguments; default 0 where `args` is empty, else any number. */
  readonly maxArgs?: number;
  /** Flags of this command; `--json`, `--quiet` and `--help` are everybody's. */
  readonly options: readonly Option[];
  /** Flags that depend on others: the hyperparameters of `--algo`. Sees the raw text of the flags given. */
  moreOptions?(given: Readonly<Record<string, string>>): Promise<readonly Option[]>;
  /** Lines after the flags in `--help`: examples. */
  readonly examples?: readonly string[];
  /** Does the work; resolves to the exit code. Throws `UsageError` (exit 2) or `AgentError` (exit 1). */
  run(input: Input, io: Io): Promise<number>;
}

export const globalOptions: readonly Option[] = [
  { name: 'json', doc: 'the result as one JSON document on stdout' },
  { name: 'quiet', doc: 'errors only' },
  { name: 'help', doc: 'this text' },
];

/** Limits of a number given as a flag. */
export interface NumberLimits {
  readonly integer?: boolean;
  readonly min?: number;
  readonly max?: number;
}

/** Positional arguments and flags of one call, already checked against the command's options. */
export class Input {
  readonly args: readonly string[];
  /** The flags given, by kebab-case name; a switch is `'true'`. */
  readonly given: Readonly<Record<string, string>>;
  /** The call as typed, after the command's name. */
  readonly argv: readonly string[];

  constructor(args: readonly string[], given: Readonly<Record<string, string>>, argv: readonly string[] = []) {
    this.args = args;
    this.given = given;
    this.argv = argv;
  }

  has(name: string): boolean {
    return name in this.given;
  }

  text(name: string): string | undefined {
    return this.given[name];
  }

  /** The flag's text; throws `UsageError` with `remedies` where it is missing. */
  required(name: string, value: string, remedies: readonly Remedy[] = []): string {
    const text = this.given[name];
    if (text === undefined) throw new UsageError(`--${name} ${value} is missing`, remedies);
    return text;
  }

  /** One of `choices`; throws `UsageError` for anything else. */
  choice<const C extends readonly string[]>(name: string, choices: C): C[number] | undefined {
    const text = this.given[name];
    if (text === undefined || choices.includes(text)) return text;
    throw new UsageError(`--${name} is "${text}", one of ${choices.join(', ')} is wanted`);
  }

  /** A number; throws `UsageError` for text that is none or lies outside the limits. */
  number(name: string, limits: NumberLimits = {}): number | undefined {
    const text = this.given[name];
    return text === undefined ? undefined : parseNumber(`--${name}`, text, limits);
  }

  /** A whole number ≥ `min` (1 unless given). */
  count(name: string, min = 1): number | undefined {
    return this.number(name, { integer: true, min });
  }

  /** The one positional argument; throws `UsageError` where it is missing. */
  only(what: string, remedies: readonly Remedy[] = []): string {
    const [first] = this.args;
    if (first === undefined) throw new UsageError(`${what} is missing`, remedies);
    return first;
  }
}

export function parseNumber(label: string, text: string, limits: NumberLimits = {}): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const refuse = (wanted: string) => new UsageError(`${label} is "${text}", ${wanted} is wanted`);
  if (!Number.isFinite(value)) throw refuse(limits.integer ? 'a whole number' : 'a number');
  if (limits.integer && !Number.isSafeInteger(value)) throw refuse('a whole number');
  if (limits.min !== undefined && value < limits.min) throw refuse(`a number ≥ ${limits.min}`);
  if (limits.max !== undefined && value > limits.max) throw refuse(`a number ≤ ${limits.max}`);
  return value;
}

/**
 * Splits `argv` into positional arguments and flags: `--name value`, `--name=value`, switches; `--` ends the flags.
 * Throws `UsageError` for a flag that is unknown (with the nearest names), given twice, or without its value.
 */
export async function parse(command: Command, argv: readonly string[]): Promise<Input> {
  const first = command.moreOptions ? split(argv, command.options, true) : undefined;
  const more = first && !('help' in first.given) ? await command.moreOptions?.(first.given) : undefined;
  const { args, given } = split(argv, [...command.options, ...(more ?? [])], 'help' in (first?.given ?? {}));
  const most = command.maxArgs ?? (command.args === '' ? 0 : Number.POSITIVE_INFINITY);
  if (args.length > most && !('help' in given)) {
    throw new UsageError(`agent ${command.name} does not take "${args[most]}"`, [
      ['usage', `agent ${command.name} ${command.args}`.trimEnd()],
    ]);
  }
  return new Input(args, given, argv);
}

interface Split {
  readonly args: string[];
  readonly given: Record<string, string>;
}

/** With `lenient`, unknown flags are passed over (their value too, where the next word is no flag). */
function split(argv: readonly string[], commandOptions: readonly Option[], lenient: boolean): Split {
  const options = new Map([...commandOptions, ...globalOptions].map(option => [option.name, option]));
  const args: string[] = [];
  const given: Record<string, string> = {};
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--') {
      args.push(...argv.slice(i + 1));
      break;
    }
    if (word === '-h') {
      given.help = 'true';
      continue;
    }
    if (!/^--?[a-zA-Z]/.test(word)) {
      args.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const name = word.replace(/^--?/, '').split('=', 1)[0]!;
    const option = word.startsWith('--') ? options.get(name) : undefined;
    const next = argv[i + 1];
    if (!option) {
      if (!lenient) throw unknownFlag(word.split('=', 1)[0]!, [...options.keys()]);
      if (equals < 0 && next !== undefined && !next.startsWith('--')) i++;
      continue;
    }
    if (name in given && !lenient) throw new UsageError(`--${name} is given twice`);
    if (equals >= 0) {
      if (option.value === undefined && !lenient) throw new UsageError(`--${name} takes no value`);
      given[name] = word.slice(equals + 1);
    } else if (option.value === undefined) {
      given[name] = 'true';
    } else if (next !== undefined && !next.startsWith('--')) {
      given[name] = next;
      i++;
    } else if (option.bare) {
      given[name] = 'true';
    } else if (!lenient) {
      throw new UsageError(`--${name} ${option.value}: the value is missing`);
    }
  }
  return { args, given };
}

function unknownFlag(flag: string, known: readonly string[]): UsageError {
  const close = nearest(flag.replace(/^-+/, ''), known).map(name => `--${name}`);
  return new UsageError(`no flag "${flag}"`, close.length > 0 ? [['did you mean', close.join('  ')]] : []);
}
