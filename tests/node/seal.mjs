// Seals and opens one claim with the package jose: another implementation of RFC 7516 than ours.
//
// Input, as one JSON text: {"jwk", "open": compact} or {"jwk", "header": protected header, "seal": text}.
// Output: {"opened": {"header", "text"}} or {"sealed": compact}.

import { readFileSync } from "node:fs";

import { CompactEncrypt, compactDecrypt, importJWK } from "jose";

const input = JSON.parse(readFileSync(0, "utf8"));
const key = await importJWK(input.jwk);
const crit = { "kest.claim": true, "kest.chain_tip": true, "kest.use": true };

let output;
if ("open" in input) {
  const { plaintext, protectedHeader } = await compactDecrypt(input.open, key, {
    keyManagementAlgorithms: ["A256KW"],
    contentEncryptionAlgorithms: ["A256GCM"],
    crit,
  });
  output = { opened: { header: protectedHeader, text: new TextDecoder().decode(plaintext) } };
} else {
  const plaintext = new TextEncoder().encode(input.seal);
  const sealed = await new CompactEncrypt(plaintext).setProtectedHeader(input.header).encrypt(key, { crit });
  output = { sealed };
}
process.stdout.write(JSON.stringify(output));
