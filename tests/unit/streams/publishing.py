"""A tenant's key and a runtime's words, for tests of the Publisher."""

import hashlib

from pydantic import SecretStr

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.mac import derive_tenant_key
from homeostat.schemas.trace import Arm
from homeostat.streams.client.tenant_key import TenantKey
from homeostat.streams.client.trace_fields import WorkFields

MASTER = hashlib.sha256(b"a master").digest()
RELEASE = "sha256:" + "ab" * 32


def tenant_key(tenant: str) -> TenantKey:
    """The key that `homeostat keys tenant` would write for this tenant."""
    return TenantKey(tenant=tenant, master_id="m1", key=SecretStr(derive_tenant_key(MASTER, tenant).hex()))


def work_fields(number: int) -> WorkFields:
    """What a scribe says of its work; `number` names the trace and its session."""
    return {
        "trace_id": derive_id("trace", number),
        "specialty": "cardiology",
        "workflow": "scribe",
        "release": RELEASE,
        "arm": Arm.CANDIDATE,
        "session": derive_id("session", number),
        "actor": derive_id("actor", 1),
        "signals": {"unsupported_ratio": 0.1},
    }
