// The part of a sign-in that a person sees: a form asks who they are. Whoever signs in agrees to what the client asks
// for; the button "Cancel" refuses it.

import { text } from 'node:stream/consumers';

import { signInPage } from './pages.mjs';

const PATH = /^\/interaction\/[\w-]+$/;
const CANCELLED = { error: 'access_denied', error_description: 'the user cancelled' };

export function interactions(provider, accounts) {
  return async (ctx, next) => {
    if (!PATH.test(ctx.path)) return next();
    const interaction = await provider.interactionDetails(ctx.req, ctx.res);
    const { prompt } = interaction;
    if (prompt.name === 'consent') {
      return finish(ctx, { consent: { grantId: await agree(provider, interaction) } });
    }
    const form = ctx.method === 'POST' ? new URLSearchParams(await text(ctx.req)) : new URLSearchParams();
    if (form.has('cancel')) return finish(ctx, CANCELLED);
    const name = form.get('username');
    if (name !== null && Object.hasOwn(accounts, name)) {
      return finish(ctx, { login: { accountId: accounts[name].sub } });
    }
    signInPage(ctx, name);
    return undefined;
  };

  async function finish(ctx, result) {
    ctx.respond = false;
    await provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: true });
  }
}

async function agree(provider, { grantId, params, prompt, session }) {
  const known = grantId && await provider.Grant.find(grantId);
  const grant = known || new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(' '));
  grant.addOIDCClaims(prompt.details.missingOIDCClaims ?? []);
  for (const [resource, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return grant.save();
}
