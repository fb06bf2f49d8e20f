import { testInside } from './inside.ts';

await testInside('backend-lvm.test.ts', 'stalled-disk.test.ts');
