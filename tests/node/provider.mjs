// An OpenID provider for tests: oidc-provider over TLS, with its own forms, whose people have the names they type.
// Reads one line of JSON: {port, key, certificate, client, redirectUri}; writes "ready" once it answers.

import { readFileSync } from 'node:fs';
import https from 'node:https';
import Provider from 'oidc-provider';

const settings = JSON.parse(readFileSync(0, 'utf-8').split('\n')[0]);
const issuer = `https://localhost:${settings.port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: settings.client.id,
      client_secret: settings.client.secret,
      redirect_uris: [settings.redirectUri],
    },
  ],
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username', 'groups'],
  },
  scopes: ['openid', 'profile'],
  pkce: { required: () => true },
  // Whoever types "ana" is ana, in the groups that the settings say.
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: `${id[0].toUpperCase()}${id.slice(1)} of the Provider`,
      preferred_username: id,
      groups: settings.groups[id] ?? [],
    }),
  }),
  cookies: { keys: ['only for tests'] },
});

const server = https.createServer(
  { key: readFileSync(settings.key), cert: readFileSync(settings.certificate) },
  provider.callback(),
);
server.listen(settings.port, '127.0.0.1', () => process.stdout.write('ready\n'));
