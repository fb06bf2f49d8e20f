import type { Identity } from '../../test/controlplane/credentials.ts';

/**
 * Who the agents are to the API server. In place of a service account's token for each pod one user, in the group by which
 * flow schemas know service accounts: an admin never waits for a turn (priority level `exempt`), and a thousand agents who
 * need not wait leave no turn to controllers and scheduler.
 */
export const AGENTS_USER: Identity = { name: 'agents', groups: ['system:serviceaccounts'] };

const ROLE = 't-local-volume-agent';
const NAMESPACE = 't-local-volume-system';
const API_GROUP = 'rbac.authorization.k8s.io';

const binding = (kind: string, role: string, namespace?: string) => ({
  apiVersion: `${API_GROUP}/v1`,
  kind,
  metadata: { name: 'agents', ...(namespace === undefined ? {} : { namespace }) },
  roleRef: { apiGroup: API_GROUP, kind: role, name: ROLE },
  subjects: [{ apiGroup: API_GROUP, kind: 'User', name: AGENTS_USER.name }],
});

/** The rights that the overlay gives agents. */
export const AGENTS_RIGHTS = [
  binding('ClusterRoleBinding', 'ClusterRole'),
  binding('RoleBinding', 'Role', NAMESPACE),
];
