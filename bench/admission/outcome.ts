import { request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import fastJsonPatch, { type Operation } from 'fast-json-patch';
import { mutateStatefulSet } from '../../src/mutate/statefulset.ts';
import { patchBetween } from '../../src/mutate/patch.ts';
import type { StatefulSet } from '../../src/tars/shapes.ts';
import { DEFAULT_SETTINGS } from '../../src/tars/settings.ts';
import { readStatefulSet, readTServer } from '../../src/validate/read.ts';
import { TSERVER } from '../tserver.ts';
import { reviewText } from './review.ts';

/** What has to come out for this StatefulSet, and the patch that leads there. */
export function outcomeOf(statefulSet: string): {
  readonly patch: Operation[];
  readonly outcome: StatefulSet;
} {
  const set = readStatefulSet(JSON.parse(statefulSet));
  const server = readTServer(TSERVER);
  if (!set.ok || !server.ok) throw new Error('the objects of the benchmark are not what they should be');
  const context = { namespace: 'default', settings: DEFAULT_SETTINGS, server: server.object };
  const { object } = mutateStatefulSet(set.object, context);
  return { patch: patchBetween(set.object, object), outcome: object };
}

/** Whether that server's answer leads there. */
export async function comesOut(url: string, statefulSet: string): Promise<boolean> {
  const { allowed, patch = '' } = await answerTo(url, statefulSet);
  if (!allowed || patch === '') return false;
  const { newDocument } = fastJsonPatch.applyPatch(
    JSON.parse(statefulSet) as StatefulSet,
    JSON.parse(Buffer.from(patch, 'base64').toString()) as Operation[],
  );
  return isDeepStrictEqual(newDocument.spec, outcomeOf(statefulSet).outcome.spec);
}

/** Whether that server has nothing against what came out. */
export async function isApproved(url: string, statefulSet: string): Promise<boolean> {
  const { allowed, patch } = await answerTo(url, statefulSet);
  return allowed && patch === undefined;
}

interface Answer {
  readonly allowed: boolean;
  readonly patch?: string;
}

async function answerTo(url: string, statefulSet: string): Promise<Answer> {
  return (JSON.parse(await post(url, reviewText(statefulSet))) as { readonly response: Answer }).response;
}

async function post(url: string, body: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const request = requestHttps(url, { method: 'POST', headers, rejectUnauthorized: false, agent: false });
  request.once('error', reject);
  request.once('response', (response) => void text(response).then(resolve, reject));
  request.end(body);
  return promise;
}
