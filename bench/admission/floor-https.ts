/** The least that a webhook on Node does: TLS, the whole request read, and the same answer to everything. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { answerText, approvalText } from './review.ts';

const [port, cert = '', key = '', patchFile = ''] = process.argv.slice(2);
const UID = '7c0a3c0e-6a4b-4f0e-9d6e-2d0c0b1c7a11';
const ANSWERS = new Map(
  Object.entries({
    '/mutate': answerText(UID, readFileSync(patchFile, 'utf8')),
    '/validate': approvalText(UID),
  }),
);

createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
  const answer = ANSWERS.get(request.url ?? '') ?? '{}';
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) };
  request.resume().once('end', () => response.writeHead(200, headers).end(answer));
}).listen(Number(port), '127.0.0.1');
