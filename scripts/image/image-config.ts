import manifest from '../../package.json' with { type: 'json' };

/** Nobody on the nodes. Those who need more, as the agent does, say so in their pod. */
export const USER_ID = 65532;

/** Arguments are a command of tlv and its options. */
export const ENTRYPOINT = ['/usr/local/bin/node', '/app/tlv.mjs'] as const;

/** What a runtime reads of the image; the Dockerfile says the same. */
export const RUNTIME_CONFIG = {
  User: `${USER_ID}:${USER_ID}`,
  Env: [
    // express keeps stack traces to itself.
    'NODE_ENV=production',
    // Servers rest most of the time: better that they clean up often than that they hold on to what a burst took. The agent,
    // which is on every node, is told less in its DaemonSet. `npm run bench -- memory` and `admission` show what it gives.
    'NODE_OPTIONS=--max-semi-space-size=8 --v8-pool-size=1',
    'MALLOC_ARENA_MAX=2',
  ],
  Entrypoint: ENTRYPOINT,
  WorkingDir: '/',
  Labels: {
    'org.opencontainers.image.title': manifest.name,
    'org.opencontainers.image.description': manifest.description,
    'org.opencontainers.image.version': manifest.version,
    'org.opencontainers.image.licenses': manifest.license,
  },
} as const;
