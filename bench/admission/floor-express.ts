/** The least that one writes with express: the review parsed, its uid and a constant answer sent back. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import express from 'express';
import { answerText, approvalText } from './review.ts';

const [port, cert = '', key = '', patchFile = ''] = process.argv.slice(2);
const patch = readFileSync(patchFile, 'utf8');

const app = express();
app.get('/readyz', (_, response) => response.send('ok'));
app.use(express.json({ limit: '8mb' }));
const uidOf = (body: unknown): string => (body as { request: { uid: string } }).request.uid;
app.post('/mutate', ({ body }, response) => {
  response.type('json').send(answerText(uidOf(body), patch));
});
app.post('/validate', ({ body }, response) => {
  response.type('json').send(approvalText(uidOf(body)));
});
createServer({ cert: readFileSync(cert), key: readFileSync(key) }, app).listen(Number(port), '127.0.0.1');
