// A certified OpenID provider on a free port of loopback, for tests of what its tokens are worth to a service.
//
// Prints where it is and who may ask it for tokens as one line of JSON, then answers each line of standard input, a
// command and its arguments in JSON, with a line of JSON:
//
//   ["rotate"]          signs with new keys from now on, and publishes the old ones beside them
//   ["withdraw"]        publishes nothing but the keys that it signs with
//   ["hide"]            has no OpenID metadata any more, only those of RFC 8414
//   ["sign", use, more] signs something that is no access token, with more claims, for the service itself
//
// It ends when its standard input closes.

import { generateKeyPair, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import Provider from 'oidc-provider';

// Standard output is for answers; the provider writes notices there.
console.info = console.error;

const service = 'https://orders.example/';
const client = { client_id: 'agent-1', client_secret: randomBytes(24).toString('base64url') };

// RFC 8707: the resources that tokens are asked for, and what those are signed with.
const resources = new Map([[service, 'ES256'], ['https://payments.example/', 'ES256']]);
for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA', 'Ed25519']) {
  resources.set(`https://${alg.toLowerCase()}.example/`, alg);
}

function resourceServer(context, resource) {
  const alg = resources.get(resource);
  return { scope: 'read write', accessTokenFormat: 'jwt', accessTokenTTL: 7200, jwt: { sign: { alg } } };
}

const kinds = [
  ['rsa', { modulusLength: 2048 }],
  ['ec', { namedCurve: 'P-256' }],
  ['ec', { namedCurve: 'P-384' }],
  ['ed25519', {}],
];

async function newKeys() {
  const pairs = await Promise.all(kinds.map(([kind, options]) => promisify(generateKeyPair)(kind, options)));
  return pairs.map(({ privateKey }) => privateKey.export({ format: 'jwk' }));
}

function provide(issuer, keys) {
  const signing = Object.fromEntries(
    ['id_token', 'userinfo', 'introspection'].map((use) => [`${use}_signed_response_alg`, 'ES256']),
  );
  return new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    scopes: ['read', 'write'],
    ttl: { ClientCredentials: (context, token) => token.resourceServer?.accessTokenTTL ?? 7200, IdToken: 7200 },
    clients: [
      {
        ...client,
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        token_endpoint_auth_method: 'client_secret_post',
      },
      // The service lets people log in here too: what it gets then names it in `aud`, as access tokens do.
      {
        client_id: service,
        client_secret: randomBytes(24).toString('base64url'),
        redirect_uris: [`${service}login`],
        ...signing,
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      jwtUserinfo: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
    },
  });
}

let hidden = false;
let keys = await newKeys();
let provider;
const server = createServer((request, response) => {
  if (hidden && request.url === '/.well-known/openid-configuration') {
    response.writeHead(404).end();
  } else {
    provider.callback()(request, response);
  }
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;
provider = provide(issuer, keys);

const commands = {
  async rotate() {
    const fresh = await newKeys();
    // Of several that would do, it signs with the first.
    provider = provide(issuer, [...fresh, ...keys]);
    keys = fresh;
  },
  withdraw() {
    provider = provide(issuer, keys);
  },
  hide() {
    hidden = true;
  },
  async sign(use, more) {
    const token = new provider.IdToken({ sub: 'user-1' }, { client: await provider.Client.find(service) });
    token.scope = 'openid';
    for (const [name, value] of Object.entries(more)) {
      token.set(name, value);
    }
    return token.issue({ use });
  },
};

console.log(JSON.stringify({ issuer, ...client }));
for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...parts] = JSON.parse(line);
  console.log(JSON.stringify((await commands[command](...parts)) ?? null));
}
process.exit();
