// An OpenID provider: npm's oidc-provider with its own login and consent pages, where any
// name logs in with any password. It listens on the descriptor 3, and ends when its standard
// input is closed. The first argument is JSON:
//
//   issuer    the URL at which it is reached
//   clients   the clients, as in the library's configuration
//   audience  the `aud` of access tokens, which are JWTs (RFC 9068)
//   claims    what is added to access tokens: some of "sid", "auth_time"

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { issuer, clients, audience, claims } = JSON.parse(process.argv[2]);

const newKey = (...kind) => ({ ...generateKeyPairSync(...kind).privateKey.export({ format: 'jwk' }), use: 'sig' });

const provider = new Provider(issuer, {
  clients,
  // ID tokens and logout tokens are signed with RS256.
  jwks: { keys: [newKey('rsa', { modulusLength: 2048 }), newKey('ec', { namedCurve: 'P-256' })] },
  cookies: { keys: ['only for tests'] },
  features: {
    backchannelLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'urn:app',
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'read', audience, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  extraTokenClaims(ctx, token) {
    const login = ctx.oidc.entities.RefreshToken ?? ctx.oidc.entities.AuthorizationCode;
    const known = { sid: token.sid, auth_time: login.authTime };
    return Object.fromEntries(claims.map((name) => [name, known[name]]));
  },
  // The library refuses to reach loopback addresses, where the gates of the tests are.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
});

// The tests show what the library says about an error.
provider.on('server_error', (_, error) => console.error(error));
provider.on('backchannel.error', (_, error) => console.error(error));
provider.on('grant.error', (_, error) => console.error(error));

createServer(provider.callback()).listen({ fd: 3 });
process.stdin.resume().on('end', () => process.exit());
