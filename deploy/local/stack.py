"""`make run`: composes the development stack, starts it, says what to do next, and stops all of it on Ctrl-C.

With --without-services only the embedded AWS and the identity provider are started and described in stack.json, for
tests that run the services themselves.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from deploy.local import certificates, configuration, embedded_aws, identity_provider, processes
from deploy.local.accounts import READABLE_ACCOUNTS
from deploy.local.configuration import Configuration, MisconfiguredError
from deploy.local.failures import first_cause
from deploy.local.loopback import HOST, free_ports, is_free, listening_socket, wait_until_answering
from deploy.local.people import DEVELOPMENT_USERS
from deploy.local.policy import policy_text
from deploy.local.processes import ChildEndedError, ChildProcess
from deploy.local.seed import Seeder
from deploy.local.services import Wiring, mcp_url, services
from deploy.local.state_directory import (
    DEFAULT_STATE_DIRECTORY,
    REPOSITORY,
    StackAlreadyRunningError,
    StateDirectory,
    write_private,
)
