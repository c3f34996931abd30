"""Who this service is at an issuer as an OAuth client, and which file proves it (RFC 6749, 2.3.1; RFC 7523). Pure.

Secrets and keys are files: none of them is in here.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ClientSettings(BaseModel):
    """One client at one issuer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = Field(min_length=1)
    client_auth: Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"] = "client_secret_basic"
    client_secret_file: Path | None = None
    private_key_file: Path | None = None
    """A PEM private key, RSA or P-256, for private_key_jwt (RFC 7523)."""
    private_key_id: str | None = None

    @property
    def fault_of_proof(self) -> str:
        """What is wrong between `client_auth` and the files, or empty."""
        of_secret = {"client_secret_file": self.client_secret_file is not None}
        of_key = {"private_key_file": self.private_key_file is not None}
        needed, idle = {
            "none": ({}, of_secret | of_key),
            "private_key_jwt": (of_key, of_secret),
        }.get(self.client_auth, (of_secret, of_key))
        missing = [name for name, is_there in needed.items() if not is_there]
        unused = [name for name, is_there in idle.items() if is_there]
        if missing:
            return f"{self.client_auth} needs {missing[0]}"
        return f"{self.client_auth} does not use {', '.join(unused)}" if unused else ""
