import type { ControlPlane } from './control-plane.ts';
import { waitFor } from './wait.ts';

const PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

interface Definitions {
  readonly items: readonly {
    readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

/**
 * Waits until every kind that is defined is served. Not by `kubectl wait`, which fails on a definition that is so new
 * that it has no conditions yet.
 */
export async function crdsEstablished(plane: ControlPlane): Promise<void> {
  await waitFor('every CRD to be established', async () => {
    const { body } = await plane.api<Definitions>('GET', PATH);
    return body.items.every(({ status }) =>
      status?.conditions?.some(
        (condition) => condition.type === 'Established' && condition.status === 'True',
      ),
    );
  });
}
