/** The part of the WebAssembly interface in use: neither Node's types nor ES2023's have it, and DOM's would be all of it. */
export interface WasmModule {
  readonly kind?: 'module';
}
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
interface Api {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => WasmModule;
  Instance: new (module: WasmModule, imports: object) => { readonly exports: unknown };
  Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => WasmMemory;
}

export const webAssembly = (globalThis as unknown as { WebAssembly: Api }).WebAssembly;
