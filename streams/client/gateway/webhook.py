"""Posts every applied desired state to a URL of the user's: signed, in order by target, until it is taken."""

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import structlog

from homeostat.schemas.canonical import digest_bytes
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.headers import DSSE_CONTENT
from homeostat.streams import metrics
from homeostat.streams.client.gateway.sender_thread import SenderThread
from homeostat.streams.client.gateway.store import GatewayStore, Post
from homeostat.streams.errors import SettingsInvalid

log = structlog.get_logger(__name__)
_TIMEOUT_S = 5.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class Webhook:
    """Where to post, and how long to wait before another try: doubled after each failure, up to the longest."""

    url: str
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise SettingsInvalid("the webhook's URL must be https, or http on this machine")


class WebhookSender(SenderThread):
    """A thread that posts what the store has queued. At least once: the same envelope may come twice, never less.

    A target whose post fails waits, with what comes after it; the others go on.
    """

    def __init__(self, gateway: str, webhook: Webhook, store: GatewayStore) -> None:
        self._gateway, self._webhook, self._store = gateway, webhook, store
        self._failures: dict[str, int] = {}
        self._not_before_s: dict[str, float] = {}
        super().__init__(f"gateway-{gateway}-webhook")

    def _run(self) -> None:
        with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False) as client:
            while not self._stopping.is_set():
                if not self._post_due(client):
                    self._wake.wait(self._next_wait_s())
                    self._wake.clear()

    def _post_due(self, client: httpx.Client) -> bool:
        """Post the oldest of each target whose time has come; True when something was taken."""
        taken = False
        for post in self._store.waiting_posts():
            if self._stopping.is_set():
                return False
            if self._not_before_s.get(post.target, 0.0) <= time.monotonic():
                taken |= self._post(client, post)
        return taken

    def _post(self, client: httpx.Client, post: Post) -> bool:
        try:
            answer = client.post(self._webhook.url, content=post.envelope, headers=self._headers(post))
            failure = None if answer.is_success else f"answered {answer.status_code}"
        except httpx.HTTPError as error:
            failure = type(error).__name__
        metrics.GATEWAY_WEBHOOK.labels(outcome="taken" if failure is None else "failed").inc()
        if failure is None:
            self._store.posted(post.number)
            self._failures.pop(post.target, None)
            self._not_before_s.pop(post.target, None)
            return True
        failures = self._failures[post.target] = self._failures.get(post.target, 0) + 1
        wait_s = min(self._webhook.first_wait_s * 2 ** min(failures - 1, 30), self._webhook.longest_wait_s)
        self._not_before_s[post.target] = time.monotonic() + wait_s
        log.warning("webhook failed, kept", target=post.target, failure=failure, wait_s=wait_s)
        return False

    def _headers(self, post: Post) -> dict[str, str]:
        envelope, _ = read_envelope(post.envelope)
        return {
            "content-type": DSSE_CONTENT.decode(),
            "homeostat-gateway": self._gateway,
            "homeostat-key-id": envelope.signatures[0].keyid,
            "homeostat-type": post.ce_type,
            "homeostat-target": post.target,
            "homeostat-digest": digest_bytes(post.envelope),
        }

    def _next_wait_s(self) -> float | None:
        """Until the next try of a target that failed; None waits for a new post."""
        if not self._not_before_s:
            return None
        return max(0.0, min(self._not_before_s.values()) - time.monotonic())
