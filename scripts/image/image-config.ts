import manifest from '../../package.json' with { type: 'json' };

/** Nobody on the nodes. Those who need more, as the agent does, say so in their pod. */
export const USER_ID = 65532;

/** Arguments are a command of tlv and its options. */
export const ENTRYPOINT = ['/usr/local/bin/node', '/app/tlv.mjs'] as const;

/** What a runtime reads of the image; the Dockerfile says the same. */
export const RUNTIME_CONFIG = {
  User: `${USER_ID}:${USER_ID}`,
  // express keeps stack traces to itself.
  Env: ['NODE_ENV=production'],
  Entrypoint: ENTRYPOINT,
  WorkingDir: '/',
  Labels: {
    'org.opencontainers.image.title': manifest.name,
    'org.opencontainers.image.description': manifest.description,
    'org.opencontainers.image.version': manifest.version,
    'org.opencontainers.image.licenses': manifest.license,
  },
} as const;
