"""Fixed signing keys: each seed is a hash of its key id, so that nothing here is worth keeping secret."""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .jws import b64

GATEWAY = "spiffe://example.org/gateway"
ORDERS = "spiffe://example.org/orders"
BILLING = "spiffe://example.org/billing"
MALLORY = "spiffe://attacker.example/mallory"


@dataclass(frozen=True)
class Key:
    kid: str
    principal: str
    trusted: bool

    @property
    def seed(self) -> bytes:
        return hashlib.sha256(b"kest test vectors, not secret: " + self.kid.encode()).digest()

    @property
    def public(self) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)

    def jwk(self) -> dict:
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(self.public), "kid": self.kid, "principal": self.principal}


KEYS = [
    Key("gateway-1", GATEWAY, True),
    Key("orders-1", ORDERS, True),
    Key("billing-1", BILLING, True),
    Key("billing-2", BILLING, True),
    Key("orders-0", ORDERS, False),  # removed from the bundle
    Key("mallory", MALLORY, False),  # never was in it
]
BY_KID = {key.kid: key for key in KEYS}
CURRENT = {GATEWAY: "gateway-1", ORDERS: "orders-1", BILLING: "billing-2", MALLORY: "mallory"}


def bundle() -> dict:
    return {"keys": [key.jwk() for key in KEYS if key.trusted]}


def seeds() -> dict:
    return {
        "warning": "Test keys. The seeds are public; trust these keys nowhere.",
        "seeds": [
            {"kid": key.kid, "principal": key.principal, "in_bundle": key.trusted, "seed_hex": key.seed.hex()}
            for key in KEYS
        ],
    }
