/** Skips the tests of a suite where this machine cannot carry nodes, and says why: see isolated.sh. */
export function skipUnlessIsolated(this: Mocha.Context): void {
  if (process.env['TLV_ISOLATED']) return;
  console.error(
    '      real nodes take Linux, root, Debian packages, and the right to make namespaces: run by isolated.sh',
  );
  this.skip();
}
