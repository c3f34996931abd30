"""Revocations as messages and back, for the service that tells them and those that are told."""

from cwmcp.auth.v1 import revocation_service_pb2 as pb

from servicekit.revocations import Revocation


def to_proto(revocation: Revocation) -> pb.Revocation:
    """The message."""
    message = pb.Revocation(
        issuer=revocation.issuer,
        subject=revocation.subject,
        session_id=revocation.session_id,
        revoked_by=revocation.revoked_by,
        reason=revocation.reason,
    )
    message.issued_until.FromSeconds(revocation.issued_until_s)
    message.revoke_time.FromSeconds(revocation.revoked_at_s)
    message.end_time.FromSeconds(revocation.ends_at_s)
    return message


def from_proto(message: pb.Revocation) -> Revocation:
    """The revocation."""
    return Revocation(
        issuer=message.issuer,
        subject=message.subject,
        session_id=message.session_id,
        issued_until_s=message.issued_until.seconds,
        ends_at_s=message.end_time.seconds,
        revoked_at_s=message.revoke_time.seconds,
        revoked_by=message.revoked_by,
        reason=message.reason,
    )
