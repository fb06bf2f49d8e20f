import { testInside } from './inside.ts';

await testInside('backend-quota.test.ts', 'kernel.test.ts');
