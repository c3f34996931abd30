// An OAuth 2.1 and OpenID Connect authorization server for tests: npm's oidc-provider, on a free loopback port.
//
// The process that starts it steers it over pipes, and nobody else can. The first line of standard output is
// {"url": …}, the issuer's name. Each line of standard input is a JSON object of settings (see provider.mjs) that are
// laid over those before; {"ready": true} answers it once they hold. Sessions, grants and clients stay. The end of
// standard input ends the server. Notes and failures go to standard error. It must never serve people: there are no
// passwords, and all state is in memory.

import { generateKeyPair } from 'node:crypto';
import { Console } from 'node:console';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { authorizationServer } from './provider.mjs';

globalThis.console = new Console(process.stderr);

const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
const signingKey = { ...privateKey.export({ format: 'jwk' }), kid: 'signing-key-1', use: 'sig', alg: 'RS256' };

let answer = (_request, response) => response.writeHead(503).end();
const server = createServer((request, response) => answer(request, response));
await promisify(server.listen.bind(server))(0, '127.0.0.1');
const url = `http://127.0.0.1:${server.address().port}`;
say({ url });

let settings = {};
for await (const line of createInterface({ input: process.stdin })) {
  settings = { ...settings, ...JSON.parse(line) };
  answer = authorizationServer(url, signingKey, settings);
  say({ ready: true });
}
process.exit(0); // also when connections are open

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
