/** The least that a webhook on Node does: TLS, the whole request read, and its uid sent back with the same answer each time. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import { answerText, approvalText } from './review.ts';

const [port, cert = '', key = '', patchFile = ''] = process.argv.slice(2);
const UID = 'UID';
const ANSWERS = new Map(
  Object.entries({
    '/mutate': answerText(UID, readFileSync(patchFile, 'utf8')),
    '/validate': approvalText(UID),
  }),
);

createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.once('end', () => {
    const answer = (ANSWERS.get(pathOf(request)) ?? '{}').replace(UID, uidIn(Buffer.concat(chunks)));
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) };
    response.writeHead(200, headers).end(answer);
  });
}).listen(Number(port), '127.0.0.1');

/** The API server asks with its time-out as a query. */
const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?')[0] ?? '';

/** A request's own uid is the first one in its review. */
const uidIn = (body: Buffer): string => /"uid":"([^"]*)"/.exec(body.toString('latin1', 0, 1000))?.[1] ?? '';
