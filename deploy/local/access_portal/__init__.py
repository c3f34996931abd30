"""An access portal of IAM Identity Center for development and tests: `sso-oidc`, `sso` and the page of approval.

It behaves as AWS does: codes are pending until approved and end, polling too fast is told, a refresh token serves once
and its second use ends the session, tokens open all accounts of the person. Loopback only; everybody may approve as
anybody; everything is lost when it stops.
"""
