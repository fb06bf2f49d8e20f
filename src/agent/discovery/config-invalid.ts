/** The configuration cannot be used; all that is wrong with it, one line each. */
export class DiscoveryConfigInvalid extends Error {
  override readonly name = 'DiscoveryConfigInvalid';
}
