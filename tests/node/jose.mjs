// Judges tokens with the package `jose`, and signs what kest-identity has no keys for: a line in, a line out.
import { constants, generateKeyPairSync, sign } from "node:crypto";
import { createLocalJWKSet, jwtVerify } from "jose";

const MATTERING = ["sub", "client_id", "azp", "act", "scope", "exp"];

// The first line is the settings, every other one a token as a JSON string.
function judge(line) {
  const { keys, now, ...options } = JSON.parse(line);
  const set = createLocalJWKSet(JSON.parse(keys));
  options.currentDate = new Date(now * 1000);
  return async (line) => {
    try {
      const { payload } = await jwtVerify(JSON.parse(line), set, options);
      const mattering = MATTERING.filter((name) => Object.hasOwn(payload, name));
      return { accepted: JSON.stringify(Object.fromEntries(mattering.map((name) => [name, payload[name]]))) };
    } catch (error) {
      const kind = typeof error.code === "string" ? error.code : error.name;
      return { refused: `${kind}: ${error.message}` };
    }
  };
}

// The first line is ignored and answered with the public keys, every other one a key id and what to sign.
function signer() {
  const make = (type, options) => generateKeyPairSync(type, options);
  const pairs = {
    "rsa-1024": [make("rsa", { modulusLength: 1024 }), "sha256", {}],
    "rsa-three": [make("rsa", { modulusLength: 2048, publicExponent: 3 }), "sha256", {}],
    "rsa-salt": [
      make("rsa", { modulusLength: 2048 }),
      "sha256",
      { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 20 },
    ],
    "ec-521": [make("ec", { namedCurve: "P-521" }), "sha512", { dsaEncoding: "ieee-p1363" }],
    "ec-k1": [make("ec", { namedCurve: "secp256k1" }), "sha256", { dsaEncoding: "ieee-p1363" }],
  };
  let first = true;
  return async (line) => {
    if (first) {
      first = false;
      return Object.entries(pairs).map(([kid, [pair]]) => ({ kid, ...pair.publicKey.export({ format: "jwk" }) }));
    }
    const [kid, input] = JSON.parse(line);
    const [{ privateKey }, digest, options] = pairs[kid];
    return sign(digest, input, { key: privateKey, ...options }).toString("base64url");
  };
}

let answer = process.argv[2] === "sign" ? signer() : undefined;
let rest = "";
process.stdin.setEncoding("utf8");
for await (const chunk of process.stdin) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop();
  if (answer === undefined && lines.length > 0) answer = judge(lines.shift());
  // Side by side, because every check waits for a thread of its own.
  const answers = await Promise.all(lines.map((line) => answer(line)));
  process.stdout.write(answers.map((each) => `${JSON.stringify(each)}\n`).join(""));
}
