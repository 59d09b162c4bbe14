import { type NamedTensorMap, type Tensor, type TensorInfo, tapeState, tf } from '../tensor/tf.ts';
import { AcceleratedBackend, type KernelFunc } from './accelerated.ts';

type DataId = TensorInfo['dataId'];
type RunKernel = (name: string, inputs: NamedTensorMap, attributes?: object) => Tensor | Tensor[];

/** What is replaced of tfjs's engine. */
interface Engine {
  readonly state: { tensorInfo: WeakMap<DataId, object> | Infos; kernelDepth: number; profiling: boolean };
  runKernel: RunKernel;
}

let lightened = false;

/**
 * Has tfjs's engine do the same with less around it, on our backends: of a kernel of some microseconds most is that. Its
 * table of tensors keeps each record in the tensor's identifier, and `runKernel` is the one below.
 */
export function lightenEngine(): void {
  if (lightened) return;
  lightened = true;
  const engine = tf.engine() as unknown as Engine;
  engine.state.tensorInfo = new Infos(engine.state.tensorInfo as WeakMap<DataId, object>);
  const plain = engine.runKernel.bind(engine);
  engine.runKernel = (name, inputs, attributes) =>
    runKernel(name, inputs, attributes) ?? plain(name, inputs, attributes);
}

/** tfjs joins backend and name to a string for each of its two looks. */
function kernelOf(backend: AcceleratedBackend, name: string): KernelFunc | undefined {
  const known = backend.kernels.get(name);
  if (known) return known;
  const kernel = tf.getKernel(name, tf.getBackend())?.kernelFunc;
  if (kernel) backend.kernels.set(name, kernel);
  return kernel;
}

/** Runs a kernel and writes it on the tape, if there is one; undefined: tfjs is to do it. */
function runKernel(name: string, inputs: NamedTensorMap, attributes?: object): Tensor | Tensor[] | undefined {
  const engine = tf.engine();
  const { backend } = engine;
  const { state } = engine as unknown as Engine;
  const kernel = backend instanceof AcceleratedBackend && !state.profiling ? kernelOf(backend, name) : undefined;
  // What is saved here is no operation on the tape, and a gradient of a gradient would miss it.
  if (!kernel || tapeState().gradientDepth > 1) return undefined;
  const taped = engine.isTapeOn();
  state.kernelDepth++;
  let results: TensorInfo | TensorInfo[];
  try {
    results = kernel({ inputs, attrs: attributes as never, backend });
  } finally {
    state.kernelDepth--;
  }
  const tensorOf = (result: TensorInfo) =>
    (result as Tensor).rank === undefined ? engine.makeTensorFromTensorInfo(result, backend) : (result as Tensor);
  const outputs = Array.isArray(results) ? results.map(tensorOf) : [tensorOf(results)];
  if (taped) record(backend as AcceleratedBackend, name, inputs, outputs, attributes);
  return Array.isArray(results) ? outputs : outputs[0]!;
}

/** Writes on the tape what tfjs would; what the gradient needs is saved as further owners of the same numbers. */
function record(
  backend: AcceleratedBackend,
  kernelName: string,
  inputs: NamedTensorMap,
  outputs: readonly Tensor[],
  attributes?: object,
): void {
  const state = tapeState();
  const config = tf.getGradient(kernelName) as ReturnType<typeof tf.getGradient> | undefined;
  const { inputsToSave = [], saveAllInputs, outputsToSave = [], gradFunc } = config ?? {};
  const saved: Tensor[] = [];
  const save = (tensor: Tensor) => {
    backend.incRef(tensor.dataId);
    saved.push(tf.keep(tf.engine().makeTensorFromTensorInfo(tensor, backend)));
  };
  for (const input of saveAllInputs ? Object.keys(inputs) : inputsToSave) save(inputs[input]!);
  for (let i = 0; i < outputs.length; i++) if (outputsToSave[i]) save(outputs[i]!);
  const gradient = (given: (Tensor | undefined)[]) => {
    const dys = given.map((dy, i) => dy ?? tf.zeros(outputs[i]!.shape, outputs[i]!.dtype));
    return gradFunc!((dys.length > 1 ? dys : dys[0]) as Tensor, saved, attributes as never);
  };
  const id = state.nextTapeNodeId++;
  state.activeTape!.push({ id, kernelName, inputs, outputs, saved, gradient: gradFunc && gradient });
}

/** The weak map in which tfjs looks up every tensor it makes and disposes of, with each value in its key. */
class Infos {
  readonly #former: WeakMap<DataId, object>;

  /** `former` holds what was set before. */
  constructor(former: WeakMap<DataId, object>) {
    this.#former = former;
  }

  get(dataId: DataId): object | undefined {
    return (dataId as { info?: object }).info ?? this.#former.get(dataId);
  }

  has(dataId: DataId): boolean {
    return this.get(dataId) !== undefined;
  }

  set(dataId: DataId, info: object): void {
    (dataId as { info?: object }).info = info;
  }

  delete(dataId: DataId): void {
    (dataId as { info?: object }).info = undefined;
    this.#former.delete(dataId);
  }
}
