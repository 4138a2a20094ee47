"""A user's end of the webhook."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.command import DesiredState
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.roles import SignerRole

LIMIT_S = 20.0


class Receiver:
    """A user's endpoint on loopback; answers with the codes that it was given, then with 204."""

    def __init__(self, trust: TrustStore) -> None:
        self.trust = trust
        self.codes: list[int] = []
        self.taken: list[tuple[str, int]] = []
        self.key_ids: set[str] = set()
        self.seen = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                code = receiver.take(self.headers["homeostat-key-id"], body)
                self.send_response(code)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/states"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def take(self, key_id: str, body: bytes) -> int:
        with self.seen:
            if self.codes:
                return self.codes.pop(0)
            payload = self.trust.verify(body, DesiredState.ce_type, {SignerRole.SEQUENCER})
            found, _ = parse_message(DesiredState, payload)
            self.taken.append((found.target.tenant, found.generation))
            self.key_ids.add(key_id)
            self.seen.notify_all()
            return 204

    def wait(self, count: int) -> list[tuple[str, int]]:
        with self.seen:
            assert self.seen.wait_for(lambda: len(self.taken) >= count, LIMIT_S)
            return list(self.taken)

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
