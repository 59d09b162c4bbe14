import { type NamedTensorMap, type Tensor, tf } from './tf.ts';

/** What tfjs records of an operation. */
export interface TapeNode {
  readonly id: number;
  readonly kernelName: string;
  readonly inputs: NamedTensorMap;
  readonly outputs: readonly Tensor[];
  /** From the gradients of the outputs, undefined where nothing depends on one, to those of the inputs. */
  readonly gradient?: (dys: (Tensor | undefined)[]) => Readonly<Record<string, () => Tensor>>;
  /** Disposed of with the tape. */
  readonly saved?: readonly Tensor[];
}

interface TapeState {
  gradientDepth: number;
  activeTape: TapeNode[] | null;
  nextTapeNodeId: number;
}

/** The part of tfjs's state that is its tape. */
export function tapeState(): TapeState {
  return tf.engine().state as unknown as TapeState;
}
