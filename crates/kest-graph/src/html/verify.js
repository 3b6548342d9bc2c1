// Verifies a passport as kest-core does in its strict dialect, with nothing but the browser's own cryptography. Every refusal has the
// same name there and here. What is read here is read by rules that leave one reading: JSON with no member twice, base64url
// in its one spelling, payloads in their canonical form (RFC 8785).

class Refusal extends Error {
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

class Unsupported extends Error {}

const need = (holds, kind) => {
  if (!holds) throw new Refusal(kind);
};

const utf8 = new TextEncoder();
const bytesOf = (text) => utf8.encode(text).length;
const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const isHash = (text) => /^[0-9a-f]{64}$/.test(text);

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const VALUES = new Map(Array.from(ALPHABET, (letter, value) => [letter, value]));

// RFC 4648 section 5, without padding and without stray bits; null for any other text.
function base64url(text) {
  if (text.length % 4 === 1) return null;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let [bits, count, at] = [0, 0, 0];
  for (const letter of text) {
    const value = VALUES.get(letter);
    if (value === undefined) return null;
    bits = ((bits << 6) | value) & 0xfff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes[at++] = (bits >> count) & 0xff;
    }
  }
  return (bits & ((1 << count) - 1)) === 0 ? bytes : null;
}

function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

// A number that was written as an integer, which is what the schema asks for.
class Integer {
  constructor(digits) {
    this.digits = digits;
    this.value = Number(digits);
    this.isOf64Bits = BigInt.asIntN(64, BigInt(digits)) === BigInt(digits);
  }
}

// Reads JSON; objects become maps. Throws where two readers could understand two things.
function readJson(text, depth) {
  let at = 0;
  const fail = () => {
    throw new SyntaxError("not unambiguous JSON");
  };
  const blank = () => {
    while (at < text.length && " \t\n\r".includes(text[at])) at++;
  };
  const word = (name, value) => {
    if (!text.startsWith(name, at)) fail();
    at += name.length;
    return value;
  };
  const unit = () => {
    const digits = text.slice(at, at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) fail();
    at += 4;
    return parseInt(digits, 16);
  };
  const string = () => {
    at++;
    let read = "";
    for (;;) {
      if (at >= text.length) fail();
      const letter = text[at++];
      if (letter === '"') return read;
      if (letter < " ") fail();
      if (letter !== "\\") {
        read += letter;
        continue;
      }
      const escape = text[at++];
      const simple = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
      if (escape === "u") {
        const high = unit();
        if (high >= 0xdc00 && high <= 0xdfff) fail();
        if (high >= 0xd800 && high <= 0xdbff) {
          if (!text.startsWith("\\u", at)) fail();
          at += 2;
          const low = unit();
          if (low < 0xdc00 || low > 0xdfff) fail();
          read += String.fromCharCode(high, low);
        } else {
          read += String.fromCharCode(high);
        }
      } else if (escape !== undefined && Object.hasOwn(simple, escape)) {
        read += simple[escape];
      } else {
        fail();
      }
    }
  };
  const number = () => {
    const pattern = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) fail();
    at = pattern.lastIndex;
    const value = Number(found[0]);
    if (!Number.isFinite(value)) fail();
    const whole = found[1] === undefined && found[2] === undefined;
    // Integers have no negative zero.
    return whole && found[0] !== "-0" ? new Integer(found[0]) : value;
  };
  const value = (left) => {
    blank();
    const letter = text[at];
    if (letter === '"') return string();
    if (letter === "t") return word("true", true);
    if (letter === "f") return word("false", false);
    if (letter === "n") return word("null", null);
    if (letter !== "{" && letter !== "[") return number();
    if (left === 0) fail();
    const closing = letter === "{" ? "}" : "]";
    const [map, list] = [new Map(), []];
    at++;
    blank();
    if (text[at] === closing) {
      at++;
      return letter === "{" ? map : list;
    }
    for (;;) {
      if (letter === "{") {
        blank();
        if (text[at] !== '"') fail();
        const name = string();
        blank();
        if (text[at++] !== ":" || map.has(name)) fail();
        map.set(name, value(left - 1));
      } else {
        list.push(value(left - 1));
      }
      blank();
      const next = text[at++];
      if (next === closing) return letter === "{" ? map : list;
      if (next !== ",") fail();
    }
  };
  const read = value(depth);
  blank();
  if (at !== text.length) fail();
  return read;
}

const jsonOrNull = (text, depth) => {
  try {
    return readJson(text, depth);
  } catch {
    return null;
  }
};

// RFC 8785: members by UTF-16 units, numbers and strings as ECMAScript writes them.
function canonical(value) {
  if (value instanceof Integer) return value.isOf64Bits ? value.digits : canonical(value.value);
  if (value instanceof Map) {
    const names = Array.from(value.keys()).sort();
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value.get(name))}`).join(",")}}`;
  }
  return Array.isArray(value) ? `[${value.map(canonical).join(",")}]` : JSON.stringify(value);
}

// RFC 7493 section 2.2: an integer that every reader keeps exactly.
function keepsIntegers(value) {
  if (value instanceof Integer) return Math.abs(value.value) <= Number.MAX_SAFE_INTEGER;
  if (value instanceof Map) return Array.from(value.values()).every(keepsIntegers);
  return !Array.isArray(value) || value.every(keepsIntegers);
}

const isText = (value) => typeof value === "string";
const isTexts = (value) => Array.isArray(value) && value.every(isText);
const isTextOrNull = (value) => value === null || isText(value);
const isMap = (value) => value instanceof Map;
const isInteger = (value) => value instanceof Integer && value.isOf64Bits;
const isLabels = (value) =>
  isMap(value) && Array.from(value.values()).every((it) => isText(it) || (it instanceof Integer && keepsIntegers(it)) || ["number", "boolean"].includes(typeof it));

const RUNTIME = { name: isText, version: isText };
const DEVIATION = { approver: isTextOrNull, policy: isText, reason: isTextOrNull, tier: isText };
const POLICIES = ["app_policies", "enterprise_policies", "function_policies", "platform_policies"];
const CONTEXT = {
  ...Object.fromEntries(POLICIES.map((name) => [name, isTexts])),
  deviations: (value) => Array.isArray(value) && value.every((it) => fits(it, DEVIATION)),
};
const PAYLOAD = {
  added_taints: isTexts,
  classification: isText,
  content_hash: isText,
  entry_id: isText,
  environment: isMap,
  input_hash: isText,
  labels: isLabels,
  metadata: (value) => value === null,
  operation: isText,
  otel_context: isMap,
  parent_ids: isTexts,
  policy_context: (value) => fits(value, CONTEXT),
  removed_taints: isTexts,
  runtime: (value) => fits(value, RUNTIME),
  schema_version: isText,
  taints: isTexts,
  timestamp_ms: isInteger,
  trust_score: isInteger,
};

// Whether an object has the members of a schema, and no others unless they are looked at later.
function fits(value, schema) {
  return isMap(value) && Object.entries(schema).every(([name, is]) => value.has(name) && is(value.get(name)));
}

function closed(payload) {
  const only = (value, schema) => value.size === Object.keys(schema).length;
  const context = payload.get("policy_context");
  return (
    only(payload, PAYLOAD) &&
    only(payload.get("runtime"), RUNTIME) &&
    only(context, CONTEXT) &&
    context.get("deviations").every((it) => only(it, DEVIATION))
  );
}

function readHeader(bytes) {
  const text = textOf(bytes);
  const header = text === null ? null : jsonOrNull(text, 4);
  need(isMap(header) && isText(header.get("alg")), "bad_header");
  need(Array.from(header.keys()).every((name) => ["alg", "typ", "kid"].includes(name)), "bad_header");
  need(!header.has("typ") || isTextOrNull(header.get("typ")), "bad_header");
  need(!header.has("kid") || isText(header.get("kid")), "bad_header");
  need(header.get("alg") === "EdDSA", "bad_alg");
  need(header.get("typ") === "JWS", "bad_typ");
  const kid = header.get("kid");
  need(kid === undefined || isName(kid), "bad_header");
  return kid;
}

const isName = (text) => text !== "" && bytesOf(text) <= 256 && !/\p{Cc}/u.test(text);

function readPayload(bytes, limits) {
  const text = textOf(bytes);
  need(text !== null && text.startsWith("{"), "bad_payload");
  const payload = jsonOrNull(text, limits.json_depth);
  need(payload !== null && fits(payload, PAYLOAD), "bad_payload");
  const free = payload.get("environment").size > 0 || payload.get("otel_context").size > 0;
  need(!free || keepsIntegers(payload), "bad_payload");
  need(canonical(payload) === text, "not_canonical");
  need(closed(payload), "bad_payload");
  return payload;
}

// One entry, taken apart: everything that can be said of it alone.
function readEntry(compact, limits) {
  need(bytesOf(compact) <= limits.entry_bytes, "entry_too_long");
  const parts = compact.split(".");
  need(parts.length === 3, "bad_parts");
  const decode = (part) => {
    const bytes = base64url(part);
    need(bytes !== null, "bad_base64");
    return bytes;
  };
  const kid = readHeader(decode(parts[0]));
  const payloadBytes = decode(parts[1]);
  const signature = decode(parts[2]);
  const payload = readPayload(payloadBytes, limits);
  need(signature.length === 64, "bad_signature_form");
  const get = (name) => payload.get(name);
  need(get("schema_version") === "0.3.0", "unknown_schema_version");
  const runtime = get("runtime");
  const named = (text) => text !== "" && bytesOf(text) <= 256;
  need([get("classification"), runtime.get("name"), runtime.get("version")].every(named), "bad_name");
  const time = get("timestamp_ms").value;
  need(time >= 0 && time <= Number.MAX_SAFE_INTEGER, "bad_timestamp");
  const context = get("policy_context");
  const decided = [...POLICIES, "deviations"].map((name) => context.get(name).length);
  need(decided.reduce((sum, count) => sum + count, 0) <= limits.policies, "too_many_policies");
  need([get("content_hash"), get("input_hash")].every((hash) => hash === "" || isHash(hash)), "bad_hash");
  const { workload, said } = readLabels(get("labels"), limits);
  need(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(get("entry_id")), "bad_entry_id");
  need(named(get("operation")), "bad_name");
  const trust = get("trust_score").value;
  need(trust >= 0 && trust <= 100, "bad_trust_score");
  const parents = readParents(get("parent_ids"), limits);
  const set = (name) => {
    const list = get(name);
    const held = list.every((taint) => taint !== "" && bytesOf(taint) <= limits.taint_bytes);
    need(new Set(list).size === list.length && list.length <= limits.taints && held, "bad_taints");
    return new Set(list);
  };
  const [added, removed, taints] = [set("added_taints"), set("removed_taints"), set("taints")];
  const signed = utf8.encode(`${parts[0]}.${parts[1]}`);
  return { kid, workload, said, id: get("entry_id"), trust, time, parents, added, removed, taints, signature, signed };
}

function readParents(ids, limits) {
  if (ids.length === 1 && ids[0] === "0") return [];
  need(ids.length > 0 && ids.length <= limits.parents && ids.every(isHash), "bad_parent_ids");
  need(new Set(ids).size === ids.length, "bad_parent_ids");
  return ids;
}

const SOURCES = ["jwt", "lineage", "anonymous", "unverified"];

function readLabels(labels, limits) {
  need(labels.size <= limits.labels, "bad_labels");
  const workload = labels.get("principal");
  need(isText(workload) && isName(workload), "bad_labels");
  need(Array.from(labels.values()).every(isText), "bad_labels");
  const trace = labels.get("trace_id");
  need(trace !== undefined && /^[0-9a-f]{32}$/.test(trace) && !/^0+$/.test(trace), "bad_labels");
  const identity = readIdentity(labels.get("kest.identity"));
  const [issuer, tenant] = [labels.get("kest.issuer"), labels.get("kest.tenant")];
  need([issuer, tenant, labels.get("kest.resource_id")].every((name) => name !== ""), "empty_name");
  const anything = identity.some((name) => name !== null) || issuer !== undefined || tenant !== undefined;
  const source = labels.get("kest.identity_source");
  need(source === undefined ? !anything : SOURCES.includes(source), "unknown_identity_source");
  need(source !== "jwt" || issuer !== undefined, "contradicting_identity");
  need(source !== "anonymous" || !anything, "contradicting_identity");
  const sanitizer = labels.get("kest.sanitizer");
  if (sanitizer !== undefined) readSanitizer(sanitizer, workload);
  const origin = labels.get("kest.origin");
  need(origin === undefined || (origin !== "" && bytesOf(origin) <= 64), "bad_labels");
  const attributes = labels.get("kest.resource_attr");
  if (attributes !== undefined) {
    const read = jsonOrNull(attributes, limits.json_depth);
    need(isMap(read) && keepsIntegers(read) && canonical(read) === attributes, "bad_labels");
  }
  const named = labels.has("kest.identity");
  return { workload, said: { identity, named, issuer, tenant, source, origin, sanitized: sanitizer !== undefined } };
}

// User, agent and task, in the one spelling of the label.
function readIdentity(label) {
  if (label === undefined) return [null, null, null];
  const read = jsonOrNull(label, 128);
  const names = isMap(read) ? ["agent", "task", "user"].map((name) => read.get(name) ?? null) : [false];
  need(names.every(isTextOrNull), "bad_labels");
  need(!names.includes(""), "empty_name");
  const [agent, task, user] = names.map((name) => JSON.stringify(name));
  need(label === `{"agent":${agent},"task":${task},"user":${user}}`, "bad_labels");
  return names;
}

function readSanitizer(label, workload) {
  const read = jsonOrNull(label, 4);
  need(isMap(read) && isText(read.get("by")) && isText(read.get("reason")) && read.size === 2, "bad_labels");
  need(canonical(read) === label && !/^\p{White_Space}*$/u.test(read.get("reason")), "bad_labels");
  need(read.get("by") === workload, "foreign_sanitizer");
}

const ORIGINS = new Map([
  ["system", 100],
  ["internal", 100],
  ["verified_rag", 90],
  ["third_party_api", 60],
  ["user_input", 40],
  ["internet", 10],
  ["llm", 0],
]);

// The most that an entry may claim without a sanitizer.
function allowed(origin, parents) {
  const own = origin === undefined ? 100 : (ORIGINS.get(origin) ?? 10);
  const weakest = Math.min(...parents.map((parent) => parent.trust));
  return parents.length === 0 ? own : Math.floor((weakest * own) / 100);
}

function checkTrust(entry, parents) {
  need(entry.said.sanitized || entry.trust <= allowed(entry.said.origin, parents), "trust_raised");
  need(entry.said.sanitized || entry.removed.size === 0, "taint_dropped");
  const expected = new Set(parents.flatMap((parent) => Array.from(parent.taints)));
  entry.added.forEach((taint) => expected.add(taint));
  entry.removed.forEach((taint) => expected.delete(taint));
  const same = expected.size === entry.taints.size && Array.from(expected).every((taint) => entry.taints.has(taint));
  need(same, "taints_differ");
}

function checkLineage(own, parents) {
  if (own.source !== "lineage") return;
  need(parents.length > 0, "lineage_at_root");
  for (const { said } of parents) {
    const inherits = said.source === undefined ? said.named : ["jwt", "lineage"].includes(said.source);
    need(inherits, "lineage_laundered");
    const same = said.identity.every((name, place) => name === own.identity[place]);
    need(same && said.issuer === own.issuer && said.tenant === own.tenant, "lineage_contradicted");
  }
}

// Points of small order, without their sign: under one of them a signature says nothing.
const SMALL = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

function isSmall(point) {
  const unsigned = point.slice(0, 32);
  unsigned[31] &= 0x7f;
  return SMALL.includes(hexOf(unsigned));
}

// Reads a trust bundle into a map from workload to keys.
async function readKeys(text, subtle) {
  const set = jsonOrNull(text, 16);
  need(isMap(set) && Array.isArray(set.get("keys")), "bad_keys");
  const ring = new Map();
  for (const jwk of set.get("keys")) {
    const known = isMap(jwk) && jwk.get("kty") === "OKP" && jwk.get("crv") === "Ed25519" && isText(jwk.get("x"));
    need(known && isText(jwk.get("kid")) && isText(jwk.get("principal")), "bad_keys");
    const point = base64url(jwk.get("x"));
    need(point !== null && point.length === 32 && !isSmall(point), "bad_keys");
    const end = jwk.get("not_after");
    need(end === undefined || isInteger(end), "bad_keys");
    const key = await importKey(point, subtle);
    const list = ring.get(jwk.get("principal")) ?? [];
    list.push({ kid: jwk.get("kid"), key, end: end === undefined ? Infinity : end.value * 1000 });
    ring.set(jwk.get("principal"), list);
  }
  return ring;
}

async function importKey(point, subtle) {
  try {
    return await subtle.importKey("raw", point, { name: "Ed25519" }, false, ["verify"]);
  } catch (error) {
    if (error?.name === "DataError") throw new Refusal("bad_keys");
    throw new Unsupported("this browser has no Ed25519");
  }
}

async function checkSignature(entry, ring, subtle) {
  const keys = ring.get(entry.workload);
  need(keys !== undefined, "unknown_principal");
  let kind = "unknown_key";
  for (const { kid, key, end } of keys) {
    if (entry.kid !== undefined && entry.kid !== kid) continue;
    if (entry.time > end) {
      if (kind === "unknown_key") kind = "key_expired";
      continue;
    }
    const strict = !isSmall(entry.signature);
    if (strict && (await subtle.verify({ name: "Ed25519" }, key, entry.signature, entry.signed))) return;
    kind = "bad_signature";
  }
  throw new Refusal(kind);
}

// RFC 8032 section 7.1, test 2: a browser that gets this wrong is not asked.
async function selfTest(subtle) {
  const bytes = (hex) => Uint8Array.from(hex.match(/../g), (byte) => parseInt(byte, 16));
  const key = await importKey(bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"), subtle);
  const signature = bytes(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  );
  const [good, bad] = await Promise.all(
    [0x72, 0x73].map((byte) => subtle.verify({ name: "Ed25519" }, key, signature, Uint8Array.of(byte))),
  );
  if (!good || bad) throw new Unsupported("this browser has no Ed25519 that holds");
}

const sha256 = async (bytes, subtle) => hexOf(new Uint8Array(await subtle.digest("SHA-256", bytes)));

// The verdict on `passport`: {verdict: "verified"|"refused"|"unsupported", kind, index, proved, why}.
// `tips` are those that were announced, or null; `keys` the text of a trust bundle, or null.
async function verifyPassport({ passport, tips, keys, limits }, subtle) {
  let index = null;
  let proved = 0;
  try {
    if (!subtle) throw new Unsupported("this browser offers a page like this no cryptography");
    if (keys !== null) await selfTest(subtle);
    const ring = keys === null ? null : await readKeys(keys, subtle);
    need(passport.length <= limits.entries, "too_many_entries");
    const known = new Map();
    const ids = new Set();
    const ends = new Set();
    for (const compact of passport) {
      index = proved;
      const entry = readEntry(compact, limits);
      need(!ids.has(entry.id), "duplicate_entry");
      ids.add(entry.id);
      const parents = entry.parents.map((hash) => known.get(hash));
      need(parents.every((parent) => parent !== undefined), "broken_link");
      if (ring !== null) await checkSignature(entry, ring, subtle);
      checkTrust(entry, parents);
      checkLineage(entry.said, parents);
      const hash = await sha256(utf8.encode(compact), subtle);
      known.set(hash, entry);
      entry.parents.forEach((parent) => ends.delete(parent));
      ends.add(hash);
      proved++;
    }
    index = null;
    need(tips === null || (tips.length === ends.size && tips.every((tip) => ends.has(tip))), "chain_tip_mismatch");
    if (ring === null) throw new Unsupported("no keys were given, so signatures cannot be checked");
    return { verdict: "verified", kind: null, index, proved, why: null };
  } catch (error) {
    if (error instanceof Refusal) return { verdict: "refused", kind: error.kind, index, proved, why: null };
    if (error instanceof Unsupported) return { verdict: "unsupported", kind: null, index: null, proved: 0, why: error.message };
    throw error;
  }
}
