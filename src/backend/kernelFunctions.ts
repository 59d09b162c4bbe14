import { blocks } from './block.ts';
import { elementwise, type KernelFunction } from './elementwise.ts';
import { layout } from './layout.ts';
import { losses } from './losses.ts';
import { products } from './matmul.ts';
import { networks } from './mlp.ts';

/** All kernels of ours, tfjs's and those of `tensor/ops`, by name. */
export const kernelFunctions: Readonly<Record<string, KernelFunction>> = {
  ...elementwise,
  ...layout,
  ...products,
  ...networks,
  ...losses,
  ...blocks,
};
