#!/usr/bin/env python3
"""An agent of the Data Rights Protocol 1.0, which shares no code with Hearkeep.

    drp_agent.py URL SEED AGENT BUSINESS STATE COMMAND [ARGUMENT...]

SEED is 32 bytes in hexadecimal, of an Ed25519 key. STATE is a file for the
token. Commands: key; pair; info [AGENT]; exercise JSON; status ID;
revoke ID REASON; resend (the last message, once more). Prints the status of
the answer and its body, a line each. Needs Python 3.8 and nothing else.
"""
import base64
import hashlib
import json
import sys
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

# Ed25519 signing, written from RFC 8032 section 5.1 for this test. It is slow
# and takes a time that depends on the key: never sign with it in earnest.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(one, other):
    """Adds points in extended coordinates (5.1.4)."""
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a = (y1 - x1) * (y2 - x2) % P
    b = (y1 + x1) * (y2 + x2) % P
    c = 2 * t1 * t2 * D % P
    d = 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, point):
    total = (0, 1, 1, 0)
    while n > 0:
        if n & 1:
            total = add(total, point)
        point = add(point, point)
        n >>= 1
    return total


def compress(point):
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def base_point():
    y = 4 * pow(5, P - 2, P) % P
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x & 1:
        x = P - x
    return x, y, 1, x * y % P


B = base_point()


def halves(seed):
    h = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(h[:32], "little")
    scalar &= (1 << 254) - 8
    scalar |= 1 << 254
    return scalar, h[32:]


def public(seed):
    return compress(times(halves(seed)[0], B))


def sign(seed, message):
    scalar, prefix = halves(seed)
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % L
    point = compress(times(r, B))
    k = int.from_bytes(hashlib.sha512(point + public(seed) + message).digest(), "little") % L
    return point + ((r + k * scalar) % L).to_bytes(32, "little")


class Agent:
    def __init__(self, url, seed, name, business, state):
        self.url, self.seed, self.name, self.business = url, bytes.fromhex(seed), name, business
        self.state = state
        try:
            with open(state) as f:
                self.kept = json.load(f)
        except FileNotFoundError:
            self.kept = {}

    def envelope(self, message):
        text = json.dumps(message).encode()
        return base64.b64encode(sign(self.seed, text) + text)

    def claim(self, **more):
        now = datetime.now(timezone.utc)
        return {
            "agent-id": self.name,
            "business-id": self.business,
            "issued-at": now.isoformat(timespec="milliseconds"),
            "expires-at": (now + timedelta(minutes=15)).isoformat(timespec="milliseconds"),
            "drp.version": "1.0",
            **more,
        }

    def call(self, method, path, body=None, token=True):
        headers = {"Content-Type": "text/plain"} if body else {}
        if token:
            headers["Authorization"] = "Bearer " + self.kept.get("token", "")
        if body:
            self.kept["last"] = [method, path, body.decode(), token]
            self.keep()
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            status, text = refused.code, refused.read().decode()
        print(status)
        print(text)
        return status, text

    def keep(self):
        with open(self.state, "w") as f:
            json.dump(self.kept, f)

    def pair(self):
        status, text = self.call("POST", "/v1/agent/" + self.name, self.envelope(self.claim()), token=False)
        if status == 200:
            answer = json.loads(text)
            assert answer["agent-id"] == self.name
            self.kept["token"] = answer["token"]
            self.keep()

    def info(self, name=None):
        self.call("GET", "/v1/agent/" + (name or self.name))

    def exercise(self, more):
        status, text = self.call("POST", "/v1/data-rights-request", self.envelope(self.claim(**json.loads(more))))
        if status == 200:
            check(json.loads(text))

    def status(self, request):
        status, text = self.call("GET", "/v1/data-rights-request/" + request)
        if status == 200:
            check(json.loads(text))

    def revoke(self, request, reason):
        self.call("DELETE", "/v1/data-rights-request/" + request, self.envelope({"reason": reason}))

    def resend(self):
        method, path, body, token = self.kept["last"]
        self.call(method, path, body.encode(), token)


def check(s):
    """Holds a status against section 3.03."""
    assert set(s) <= {"request_id", "received_at", "expected_by", "processing_details", "status", "reason",
                      "user_verification_url", "expires_at", "results_url", "agent_request_id"}, s
    assert s["status"] in ("open", "in_progress", "fulfilled", "revoked", "denied", "expired"), s
    assert s.get("reason", "other") in ("need_user_verification", "suspected_fraud", "insuf_verification", "no_match",
                                        "claim_not_covered", "outside_jurisdiction", "too_many_requests", "other"), s
    for name in ("received_at", "expected_by", "expires_at"):
        if name in s or name == "received_at":
            assert datetime.fromisoformat(s[name]).tzinfo is not None, s
    if s["status"] == "in_progress":
        assert "expected_by" in s, s


def main(url, seed, name, business, state, command, *arguments):
    # RFC 8032 section 7.1, test 2: a slip above would be seen here.
    secret = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    assert public(secret).hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert sign(secret, b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
    if command == "key":
        print(base64.b64encode(public(bytes.fromhex(seed))).decode())
        return
    getattr(Agent(url, seed, name, business, state), command)(*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
