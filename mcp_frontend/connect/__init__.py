"""The pages on which a person connects their AWS sign-in of IAM Identity Center, in a browser.

They show what auth_service's ConnectionService says and decide nothing. Of secrets they hold what cookies hold, for as
long as a request.
"""
