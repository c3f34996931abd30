// What the authorization server does: oidc-provider's configuration, from the settings of a test.
//
//   users               by name in the sign-in form: claims; `sub` is the name where it is not among them
//   resources           by address (RFC 8707): {scopes: "a b", format: "jwt" or "opaque"}; there is no other
//   clients             metadata of clients that are known in advance
//   logout_uri          the back-channel logout address of every client, those that register themselves included
//   offline_access      whether clients may keep access beyond the user's session
//   access_token_ttl_s  seconds, for all resources
//
// Every client must use PKCE, refresh tokens are used once, and clients may register themselves (RFC 7591).

import Provider, { errors } from 'oidc-provider';
import { createMemoryAdapter } from 'oidc-provider/lib/adapters/memory_adapter.js';

import { logoutPage, loggedOutPage } from './pages.mjs';
import { interactions } from './interactions.mjs';

const SHOWN_CLAIMS = ['preferred_username', 'email', 'email_verified', 'groups'];
const HOUR_S = 3600;
const state = createMemoryAdapter(); // one for all settings, so that nobody is forgotten when they change

export function authorizationServer(url, signingKey, settings) {
  const {
    users = {}, resources = {}, clients = [], logout_uri: logoutUri, offline_access: offlineAccess = false,
    access_token_ttl_s: accessTokenTTL = 600,
  } = settings;
  const accounts = Object.fromEntries(Object.entries(users).map(([name, claims]) => [name, { sub: name, ...claims }]));
  const bySubject = new Map(Object.values(accounts).map((claims) => [claims.sub, claims]));
  const resourceScopes = Object.values(resources).flatMap(({ scopes }) => scopes.split(' '));

  const provider = new Provider(url, {
    adapter: state,
    clients,
    jwks: { keys: [signingKey] },
    cookies: { keys: ['for tests only'] },
    scopes: ['openid', 'profile', ...(offlineAccess ? ['offline_access'] : []), ...new Set(resourceScopes)],
    claims: { openid: ['sub'], profile: SHOWN_CLAIMS },
    conformIdTokenClaims: false,
    findAccount: (_ctx, sub) => bySubject.has(sub)
      ? { accountId: sub, claims: () => bySubject.get(sub) }
      : undefined,
    // `sid` lets a logout be matched with the access tokens of the session that it ends.
    extraTokenClaims: (_ctx, token) => token.accountId && {
      sid: token.sid,
      ...Object.fromEntries(Object.entries(bySubject.get(token.accountId)).filter(([name]) => name !== 'sub')),
    },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    // Without offline access a refresh token ends with the session (OpenID Connect Back-Channel Logout, 2.7).
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    ttl: {
      AccessToken: accessTokenTTL, AuthorizationCode: 60, Grant: HOUR_S, IdToken: 600, Interaction: 600,
      RefreshToken: HOUR_S, Session: HOUR_S,
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource: logoutPage, postLogoutSuccessSource: loggedOutPage },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_ctx, _client, granted) => granted,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, address) => {
          if (!Object.hasOwn(resources, address)) throw new errors.InvalidTarget();
          const { scopes, format = 'jwt' } = resources[address];
          return { scope: scopes, audience: address, accessTokenFormat: format, accessTokenTTL };
        },
      },
    },
    // A member of no meaning, so that the validator is called, which may set others.
    extraClientMetadata: {
      properties: ['logout'],
      validator: (_ctx, _name, _value, metadata) => {
        if (logoutUri === undefined) return;
        metadata.backchannel_logout_uri = logoutUri;
        metadata.backchannel_logout_session_required = true;
      },
    },
    // The guard against addresses of inner networks would refuse the loopback addresses that tests listen at.
    fetch: (address, options) => fetch(address, { ...options, dispatcher: undefined }),
    renderError: (ctx, out) => {
      ctx.type = 'json';
      ctx.body = out;
    },
  });
  provider.on('server_error', (_ctx, error) => console.error('server error:', error));
  provider.on('backchannel.error', (_ctx, error) => console.error('back-channel logout failed:', error.message));
  provider.use(interactions(provider, accounts));
  return provider.callback();
}
