import { type ArrayInfo, LARGEST_BYTES, type Target } from './hdf5Array.ts';
import { readNumbers } from './hdf5Chunks.ts';
import { isGroup, type Layout, type Link, layoutOf, linksOf, rootOf } from './hdf5Header.ts';
import { must, Source, Unusual } from './hdf5Source.ts';

/**
 * The HDF5 files that h5py and this program write unless told otherwise, read without the library: each byte once,
 * inflated by Node's zlib, put where it belongs. In time and memory that is what the arrays themselves need. It knows
 * little and trusts nothing: whatever it does not expect, damage included, throws `Unusual`, and the library decides.
 */
export class PlainFile {
  readonly path: string;
  readonly #source: Source;
  readonly #root: number;
  readonly #groups = new Map<number, Map<string, Link>>();
  readonly #layouts = new Map<string, Layout>();

  constructor(path: string, size: number) {
    this.path = path;
    this.#source = new Source(path, size);
    try {
      this.#root = rootOf(this.#source);
    } catch (error) {
      this.#source.close();
      throw error;
    }
  }

  close(): void {
    this.#source.close();
  }

  keys(group = '/'): string[] {
    const address = this.#find(group);
    if (address === undefined) throw new Unusual(`no group ${group}`);
    return [...this.#links(address).keys()];
  }

  typeOf(path: string): 'array' | 'group' | 'none' {
    const address = this.#find(path);
    if (address === undefined) return 'none';
    return isGroup(this.#source, address) ? 'group' : 'array';
  }

  info(path: string): ArrayInfo {
    const { shape, kind, bytes } = this.#layout(path);
    return { path, shape, kind, bytes };
  }

  readInto(path: string, into: Target, offset = 0): void {
    readNumbers(this.#source, this.#layout(path), into, offset);
  }

  #layout(path: string): Layout {
    const known = this.#layouts.get(path);
    if (known) return known;
    const address = this.#find(path);
    if (address === undefined) throw new Unusual(`no array ${path}`);
    const layout = layoutOf(this.#source, address);
    const count = layout.shape.reduce((a, b) => a * b, 1);
    must(count > 0 && count * layout.bytes <= LARGEST_BYTES, 'nothing, or too much');
    this.#layouts.set(path, layout);
    return layout;
  }

  /** The header of the object at a path. */
  #find(path: string): number | undefined {
    let address = this.#root;
    for (const name of path.split('/').filter(part => part !== '')) {
      const link = this.#links(address).get(name);
      if (!link) return undefined;
      if (link.soft) throw new Unusual(`${path} is a soft link`);
      address = link.address;
    }
    return address;
  }

  #links(group: number): Map<string, Link> {
    const known = this.#groups.get(group);
    if (known) return known;
    const links = linksOf(this.#source, group);
    this.#groups.set(group, links);
    return links;
  }
}
