import type { Activation } from './activation.ts';

/** The kernels' names, in the order of their number in `kernels/kernels.cc` and `kernels/noise.cc`. */
export const kernelNames = [
  'matMul',
  'denseForward',
  'denseBackward',
  'adam',
  'polyak',
  'denoise',
  'judge',
  'bestRows',
  'packFewRows',
  'gatherRows',
  'unary',
  'mishBackward',
  'binary',
  'reduce',
  'mlpForward',
  'mlpBackward',
  'mlpWeights',
  'mlpInput',
  'blockForward',
  'blockBackward',
  'finite',
  'squashedForward',
  'squashedBackward',
  'leastBackward',
  'perturb',
  'expectileError',
  'expectileErrorBackward',
  'bootstrap',
  'softObjective',
  'softObjectiveBackward',
  'squaredErrors',
  'squaredErrorsBackward',
  'normal',
  'uniform',
  'integers',
] as const;
export type KernelName = (typeof kernelNames)[number];

/** In what sampling and judging compute: `bf16` is bfloat16 with float32 sums. Whatever has a gradient is float32. */
export type Precision = 'float32' | 'bf16';

export type Buffer = Float32Array | Int32Array | null;

/** Sampling in bfloat16: the instructions that multiply it, and the kernels that do. */
export interface Bf16 {
  readonly by: string;
  /** Where rows are few they take weights as `packTiles` of `native/bf16.h` leaves them. */
  readonly kernels: ReadonlySet<string>;
}

/** One build of the kernels, loaded. Calls block; one call at a time. */
export interface KernelLibrary {
  readonly name: 'native' | 'wasm';
  /** Instruction set in use, then the others this machine could use. */
  readonly features: readonly string[];
  readonly threads: number;
  /** Absent: all is float32. */
  readonly bf16?: Bf16;
  /** Why bfloat16 would not be faster here, where that is known. */
  readonly bf16Slow?: string;
  /** Runs one kernel; see its comment in `kernels/` for the meaning of each argument. */
  run(kernel: KernelName, buffers: readonly Buffer[], ints: ArrayLike<number>, reals?: ArrayLike<number>): number;
  /** Memory that kernels read and write without a copy; contents are arbitrary. */
  allocate(length: number): Float32Array;
  /** Whether `values` lies in memory from `allocate`. */
  owns(values: ArrayLike<number>): boolean;
  /** Takes back an array from `allocate`. */
  release(values: Float32Array): void;
  close(): void;
}

/** Numbers of operations, as in `kernels/vector.h` and `kernels/elementwise.h`. */
export const activationCode: Readonly<Record<Activation, number>> = { linear: 0, relu: 1, mish: 2, silu: 3, tanh: 4 };
export const unaryNames = [
  'Neg',
  'Square',
  'Sqrt',
  'Exp',
  'Log',
  'Abs',
  'Relu',
  'Tanh',
  'Sigmoid',
  'Softplus',
  'Mish',
  'Silu',
  'ClipByValue',
  'Reciprocal',
  'Sin',
  'Cos',
  'Expm1',
] as const;
export const binaryNames = ['Add', 'Sub', 'Multiply', 'RealDiv', 'Maximum', 'Minimum', 'SquaredDifference'] as const;
export const reductionNames = ['Sum', 'Mean', 'Max', 'Min'] as const;
