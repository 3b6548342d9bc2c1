"""Builds the test vectors of the Kest v0.3 protocol, without any code of this project."""
