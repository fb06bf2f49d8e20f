import { type Bundle, bundle } from '../../scripts/image/bundle.ts';

let bundling: Promise<Bundle> | undefined;

/** What is in the image of our code, bundled once for all tests. */
export function bundled(): Promise<Bundle> {
  return (bundling ??= bundle());
}
