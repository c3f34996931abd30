"""Credentials of the machine's own AWS profile, for local development without authentication; refused otherwise."""

import time

import aioboto3
from botocore.exceptions import BotoCoreError, ClientError

from auth_service.domain.credentials import AwsCredentials
from auth_service.domain.policy import Entitlement
from auth_service.domain.user_tokens import UserToken
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal

# The profile may be signed in again at any time, so its keys are asked for again soon.
_REREAD_S = 300.0


class LocalProfile:
    """The strategy `shared_profile`."""

    def __init__(self, profile_name: str | None) -> None:
        self._profile_name = profile_name

    async def issue(self, _principal: Principal, _entitlement: Entitlement, _token: UserToken) -> AwsCredentials:
        """The profile's keys as they are now. Raises AWS_UNAVAILABLE when there are none."""
        try:
            found = await aioboto3.Session(profile_name=self._profile_name).get_credentials()
            keys = await found.get_frozen_credentials() if found is not None else None
        except (BotoCoreError, ClientError) as error:
            raise _missing(str(error)) from error
        if keys is None:
            raise _missing("this machine has no AWS credentials; sign in with the AWS CLI or set AWS_PROFILE")
        now_s = time.time()
        return AwsCredentials(keys.access_key, keys.secret_key, keys.token or "", now_s + _REREAD_S, now_s)


def _missing(message: str) -> ServiceError:
    return ServiceError(Reason.AWS_UNAVAILABLE, message)
