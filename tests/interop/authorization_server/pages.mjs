// The pages of the authorization server, without outside assets.

export function signInPage(ctx, unknownName) {
  const note = unknownName === null ? '' : '<p role="alert">Nobody here has that name.</p>';
  page(ctx, 'Sign in', `
    ${note}
    <form method="post" action="${ctx.path}">
      <label>User name <input name="username" autocomplete="username" autofocus></label>
      <button type="submit">Sign in</button>
      <button type="submit" name="cancel" value="yes">Cancel</button>
    </form>`);
}

export function logoutPage(ctx, form) {
  page(ctx, 'Sign out', `
    ${form}
    <button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>`);
}

export function loggedOutPage(ctx) {
  page(ctx, 'Signed out', '<p>You are signed out.</p>');
}

function page(ctx, title, body) {
  ctx.type = 'html';
  ctx.body = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title></head>
<body>
  <h1>${title}</h1>${body}
</body>
</html>
`;
}
