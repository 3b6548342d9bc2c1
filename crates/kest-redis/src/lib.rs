//! Claim checks and replay protection for many replicas, on Redis or Valkey.
