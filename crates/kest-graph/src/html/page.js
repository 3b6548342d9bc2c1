// The page: reads what came with it, draws it, and says what its own verification came to.

const $ = (id) => document.getElementById(id);
const LARGE = 60;

// A stranger's text is a text: what hides, moves or reorders is spelled out, and what is no plain word is quoted.
function shown(text) {
  if (/^[\p{L}\p{N}._:/@+-]{1,240}$/u.test(text) && !/\p{DI}/u.test(text)) return text;
  const letters = Array.from(text);
  let marks = 0;
  const spelled = letters.slice(0, 240).map((letter) => {
    marks = /\p{M}/u.test(letter) ? marks + 1 : 0;
    if (letter === "\\" || letter === '"') return `\\${letter}`;
    const hidden = letter !== " " && /[\p{C}\p{Z}\p{DI}\u2800]/u.test(letter);
    return hidden || marks > 2 ? `\\u{${letter.codePointAt(0).toString(16)}}` : letter;
  });
  const rest = letters.length > 240 ? `... and ${letters.length - 240} characters more` : "";
  return `"${spelled.join("")}"${rest}`;
}

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// What an entry says where a text or a number belongs; anything else is not said. Objects have a `toString` of the stranger's own.
const said = (it) => (typeof it === "string" || typeof it === "number" ? String(it) : undefined);

const bdi = (it) => element("bdi", { dir: "auto" }, said(it) === undefined ? "not said" : shown(said(it)));

// The end of a workload's name, which tells it from its neighbours; all of it stands in the details.
function ending(name) {
  const letters = Array.from(typeof name === "string" ? name : "not said");
  if (letters.length <= 28) return bdi(letters.join(""));
  return element("bdi", { dir: "auto" }, `\u2026${shown(letters.slice(-27).join(""))}`);
}

async function inflate(packed) {
  if (!globalThis.DecompressionStream) throw new Unsupported("this browser cannot unpack the entries of a long lineage");
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

const toBase64url = (text) =>
  btoa(String.fromCharCode(...utf8.encode(text))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

// The compact entries: as they are, or header, payload and signature packed.
async function passportOf(data) {
  if (data.passport) return data.passport;
  const { headers, entries } = await inflate(data.packed);
  return entries.map((entry) =>
    typeof entry === "string" ? entry : `${toBase64url(headers[entry[0]])}.${toBase64url(entry[1])}.${entry[2]}`,
  );
}

const objectOf = (value) => (typeof value === "object" && value !== null && !Array.isArray(value) ? value : {});

// What an entry says, for showing it: verification reads for itself.
function claimsOf(compact) {
  try {
    const bytes = Uint8Array.from(atob(compact.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), (it) => it.charCodeAt(0));
    const payload = JSON.parse(new TextDecoder().decode(bytes));
    if (objectOf(payload) !== payload) return null;
    const all = objectOf(payload.labels);
    const labels = Object.fromEntries(Object.entries(all).filter(([, label]) => typeof label === "string"));
    const nested = (name) => {
      try {
        return objectOf(JSON.parse(labels[name]));
      } catch {
        return {};
      }
    };
    const whole = (value) => (Number.isInteger(value) ? value : undefined);
    const list = (value) => (Array.isArray(value) ? value.filter((it) => typeof it === "string") : []);
    return {
      operation: said(payload.operation),
      workload: labels.principal,
      identity: nested("kest.identity"),
      source: labels["kest.identity_source"],
      issuer: labels["kest.issuer"],
      tenant: labels["kest.tenant"],
      origin: labels["kest.origin"],
      object: labels["kest.resource_id"],
      sanitizer: labels["kest.sanitizer"] === undefined ? null : nested("kest.sanitizer"),
      trust: whole(payload.trust_score),
      added: list(payload.added_taints),
      removed: list(payload.removed_taints),
      taints: list(payload.taints),
      context: objectOf(payload.policy_context),
      time: whole(payload.timestamp_ms),
      content: said(payload.content_hash) || undefined,
      trace: labels.trace_id,
      runtime: objectOf(payload.runtime),
    };
  } catch {
    return null;
  }
}

class Page {
  constructor(data, passport) {
    this.data = data;
    this.passport = passport;
    this.count = data.drawn;
    this.claims = passport.slice(0, this.count).map(claimsOf);
    this.total = this.count + data.missing.length;
    this.parents = Array.from({ length: this.total }, () => []);
    data.layout.edges.forEach(([parent, child]) => this.parents[child].push(parent));
    this.children = Array.from({ length: this.total }, () => []);
    data.layout.edges.forEach(([parent, child]) => this.children[parent].push(child));
    this.view = this.count > LARGE ? "services" : "entries";
    this.selected = null;
    this.own = null;
    this.hashes = [];
  }

  word(item) {
    if (item >= this.count) return "missing";
    if (this.own === null) return "checking";
    const { verdict, kind, index, proved } = this.own;
    if (verdict === "refused" && index === item) return `refused: ${kind}`;
    if (verdict === "unsupported" || item >= proved) return "not checked";
    return this.data.keys === null ? "not checked" : "verified";
  }

  look(item) {
    const word = this.word(item);
    return word.startsWith("refused") ? "refused" : word.replace(" ", "-");
  }

  title(item) {
    if (item < this.count) return bdi(this.claims[item]?.operation ?? "unreadable");
    const { parent, later, tip } = this.data.missing[item - this.count];
    if (tip) return `announced tip ${tip.slice(0, 12)} is not there`;
    return later === null ? `parent ${shown(parent.slice(0, 12))} is not there` : `a parent stands behind, as #${later}`;
  }

  // The entries that `item` goes back to, itself included.
  path(item) {
    const found = new Set([item]);
    for (const at of found) this.parents[at].forEach((parent) => found.add(parent));
    return found;
  }

  render() {
    const folded = this.view === "services";
    const layout = folded ? this.data.folded.layout : this.data.layout;
    const path = this.selected === null ? null : this.path(this.selected);
    let items = new Set(layout.layers.flat().filter((slot) => slot >= 0));
    if (this.view === "path" && path) items = path;
    const placed = place(layout, items);
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("width", placed.width);
    svg.setAttribute("height", placed.height);
    svg.setAttribute("aria-hidden", "true");
    for (const { parent, child, path: shape } of placed.lines) {
      const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
      line.setAttribute("d", shape);
      if (!folded && path?.has(parent) && path.has(child)) line.setAttribute("class", "on");
      svg.append(line);
    }
    const boxes = Array.from(placed.boxes, ([item, { x, y }]) => {
      const box = folded ? this.serviceBox(item) : this.entryBox(item, path);
      box.style.left = `${x - BOX.width / 2}px`;
      box.style.top = `${y}px`;
      return element("li", null, box);
    });
    const list = element("ol", { "aria-label": folded ? "workloads" : "entries" }, ...boxes);
    const picture = $("picture");
    picture.style.width = `${placed.width}px`;
    picture.style.height = `${placed.height}px`;
    picture.replaceChildren(svg, list);
    for (const button of document.querySelectorAll("[data-view]")) {
      button.setAttribute("aria-pressed", String(button.dataset.view === this.view));
    }
    $("view-path").disabled = this.selected === null;
    $("shown").textContent = folded
      ? `${items.size} workloads of ${this.count} entries. Choose one to see its entries.`
      : this.view === "path"
        ? `The way to #${this.selected}: ${items.size} entries.`
        : `${this.count} ${this.count === 1 ? "entry" : "entries"}${this.total > this.count ? `, and ${this.total - this.count} missing` : ""}.`;
  }

  entryBox(item, path) {
    const claims = this.claims[item];
    const look = this.look(item);
    const box = element("button", { type: "button", class: `box ${look}`, "data-item": item });
    if (path && this.view === "entries" && !path.has(item)) box.classList.add("aside");
    if (this.selected === item) box.setAttribute("aria-current", "true");
    const number = item < this.count ? `#${item} ` : "";
    box.append(element("span", { class: "title" }, number, this.title(item)));
    if (claims) box.append(element("span", { class: "of" }, ending(claims.workload)));
    box.append(this.foot(look, this.word(item), claims?.trust, claims?.taints ?? []));
    return box;
  }

  foot(look, word, trust, taints) {
    const foot = element("span", { class: "foot" }, element("span", { class: `sign ${look}` }, word));
    if (trust !== undefined) foot.append(element("span", { class: "trust" }, `trust ${shown(String(trust))}`));
    if (taints.length) foot.append(element("span", { class: "taints" }, `taints ${taints.slice(0, 8).map(shown).join(", ")}`));
    return foot;
  }

  serviceBox(service) {
    const members = this.data.folded.members[service];
    const looks = members.map((item) => this.look(item));
    const worst = ["refused", "missing", "checking", "not-checked"].find((look) => looks.includes(look)) ?? "verified";
    const first = members[0];
    const claims = members.map((item) => this.claims[item]).filter(Boolean);
    const box = element("button", { type: "button", class: `box ${worst}`, "data-service": service });
    box.append(element("span", { class: "title" }, claims.length ? ending(claims[0].workload) : this.title(first)));
    box.append(element("span", { class: "of" }, `${members.length} ${members.length === 1 ? "entry" : "entries"}`));
    const scores = claims.map((it) => it.trust).filter(Number.isInteger);
    const [low, high] = [Math.min(...scores), Math.max(...scores)];
    const taints = Array.from(new Set(claims.flatMap((it) => it.taints))).sort();
    const trust = scores.length === 0 ? undefined : low === high ? low : `${low}-${high}`;
    box.append(this.foot(worst, this.word(members[looks.indexOf(worst)] ?? first), trust, taints));
    return box;
  }

  select(item, focus) {
    this.selected = item;
    if (this.view === "services" || this.count > LARGE) this.view = "path";
    this.render();
    this.details(item);
    const box = document.querySelector(`[data-item="${item}"]`);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    box?.scrollIntoView({ block: "nearest", inline: "nearest", behavior: calm ? "auto" : "smooth" });
    if (focus) box?.focus({ preventScroll: true });
  }

  go(item) {
    return element("button", { type: "button", class: "go", "data-go": item }, item < this.count ? `#${item}` : "a missing one");
  }

  details(item) {
    const facts = element("dl");
    const say = (about, ...said) => facts.append(element("dt", null, about), element("dd", null, ...said));
    const claims = this.claims[item];
    say("standing", this.word(item));
    if (claims) {
      const { identity } = claims;
      const names = ["user", "agent", "task"].filter((name) => identity[name] !== null && identity[name] !== undefined);
      const caller = names.flatMap((name) => [`${name} `, bdi(identity[name]), " "]);
      const vouched = ["source", "issuer", "tenant"].filter((name) => claims[name] !== undefined);
      say("workload", bdi(claims.workload));
      say("caller", ...(caller.length ? caller : ["not named "]), ...vouched.flatMap((name) => [`${name} `, bdi(claims[name]), " "]));
      if (claims.object !== undefined) say("object", bdi(claims.object));
      say("trust", ...this.why(item, claims));
      const came = new Set(this.parents[item].flatMap((parent) => this.claims[parent]?.taints ?? []));
      const list = (taints) => (taints.length ? bdi2(taints) : ["nothing"]);
      say("taints in", ...list(Array.from(came).sort()));
      if (claims.added.length) say("added", ...list(claims.added));
      if (claims.removed.length) {
        const by = claims.sanitizer ? [" by ", bdi(claims.sanitizer.by), ": ", bdi(claims.sanitizer.reason)] : [" without a reason"];
        say("removed", ...list(claims.removed), ...by);
      }
      say("taints out", ...list(claims.taints));
      for (const tier of ["enterprise", "platform", "app", "function"]) {
        const names = claims.context[`${tier}_policies`];
        if (Array.isArray(names) && names.length) say(`${tier} policies`, ...bdi2(names), " allowed");
      }
      for (const it of Array.isArray(claims.context.deviations) ? claims.context.deviations : []) {
        say("deviation", bdi(it?.policy), " was not asked: ", bdi(it?.reason), ", approved by ", bdi(it?.approver));
      }
      if (claims.content !== undefined) say("content", element("code", null, bdi(claims.content)), " signed in this entry");
      const time = new Date(claims.time);
      say("time", Number.isNaN(time.getTime()) ? bdi(claims.time) : time.toISOString(), " by its signer's clock");
      say("trace", bdi(claims.trace));
      say("made by", bdi(claims.runtime.name), " ", bdi(claims.runtime.version));
    }
    const recorded = this.data.recorded?.[item];
    if (recorded) say("content", element("code", null, recorded), " as the log recorded it with the end: no entry signs it");
    const links = (items) => (items.length ? items.flatMap((it) => [this.go(it), " "]) : ["nothing"]);
    say("follows", ...links(this.parents[item]));
    say("followed by", ...links(this.children[item]));
    if (this.hashes[item]) say("hash", element("code", null, this.hashes[item]));
    $("details").replaceChildren(element("h2", { id: "details-title", tabindex: "-1" }, this.title(item)), facts);
  }

  why(item, claims) {
    if (claims.trust === undefined) return [bdi(claims.trust)];
    const parents = this.parents[item].map((parent) => ({ parent, trust: this.claims[parent]?.trust }));
    if (parents.some(({ trust }) => !Number.isInteger(trust))) return [bdi(claims.trust), ", and what it follows is not known"];
    const most = allowed(claims.origin, parents);
    const own = claims.origin === undefined ? 100 : (ORIGINS.get(claims.origin) ?? 10);
    const weakest = [...parents].sort((one, other) => one.trust - other.trust)[0];
    const rule = weakest
      ? [": its weakest parent ", this.go(weakest.parent), ` has ${weakest.trust}, of which its origin keeps ${own} %`]
      : [": its origin is worth that at a root"];
    const origin = claims.origin === undefined ? [] : [" (origin ", bdi(claims.origin), ")"];
    if (claims.sanitizer && claims.trust !== most) {
      return [bdi(claims.trust), " of 100, set by sanitizer ", bdi(claims.sanitizer.by), ": ", bdi(claims.sanitizer.reason), `; without it ${most}`];
    }
    if (claims.trust === most) return [bdi(claims.trust), " of 100", ...rule, ...origin];
    return [bdi(claims.trust), ` of 100, ${claims.trust < most ? "lowered by its signer from" : "above the allowed"} ${most}`, ...rule, ...origin];
  }

  service(service) {
    const members = this.data.folded.members[service];
    const items = members.map((item) => element("li", null, this.go(item), " ", this.title(item), ` ${this.word(item)}`));
    const title = this.claims[members[0]] ? bdi(this.claims[members[0]].workload) : this.title(members[0]);
    $("details").replaceChildren(element("h2", { id: "details-title", tabindex: "-1" }, title), element("ul", { class: "found" }, ...items));
    $("details-title").focus();
  }

  search(text) {
    const wanted = text.trim().toLowerCase();
    if (wanted === "") {
      $("found").replaceChildren();
      $("count").textContent = "";
      return;
    }
    this.haystack ??= this.claims.map((claims, item) => `#${item} ${this.hashes[item] ?? ""} ${JSON.stringify(claims)}`.toLowerCase());
    const found = this.haystack.flatMap((hay, item) => (hay.includes(wanted) ? [item] : []));
    $("count").textContent = `${found.length} found`;
    const rows = found.slice(0, 50).map((item) => element("li", null, this.go(item), " ", this.title(item), " ", bdi(this.claims[item]?.workload)));
    $("found").replaceChildren(...rows);
  }
}

const bdi2 = (texts) => texts.flatMap((text, at) => (at ? [", ", bdi(text)] : [bdi(text)]));

const WORDS = {
  verified: ["Verified", "every signature, link, canonical form, score and taint holds under the keys below"],
  refused: ["Refused", "it does not hold"],
  unsupported: ["Not checked here", ""],
};

function tell(own, data) {
  const [word, meaning] = WORDS[own.verdict];
  const place = own.index === null ? "" : ` at #${own.index}`;
  const told = own.kind !== null && own.kind === data?.ours?.kind ? data.ours.why : meaning;
  const why = own.verdict === "refused" ? `${own.kind}${place}: ${told}` : (own.why ?? meaning);
  $("own").replaceChildren(element("strong", null, word), element("span", null, why));
  $("own").className = `verdict ${own.verdict}`;
  document.documentElement.dataset.verdict = own.verdict;
  document.title = `${word}: lineage of ${data?.drawn ?? 0} entries`;
}

function ours(data) {
  const { standing, kind, index, why } = data.ours;
  const words = { verified: "Verified", refused: "Refused", not_checked: "Not checked" };
  const said = kind === null ? "" : `${kind}${index === null ? "" : ` at #${index}`}: ${why}`;
  $("ours").replaceChildren(element("strong", null, words[standing]), element("span", null, said));
  $("ours").className = `verdict ${standing === "not_checked" ? "unsupported" : standing}`;
}

function keys(data) {
  if (data.keys === null) {
    $("keys").replaceChildren(element("p", null, "No keys were given: nothing here proves who signed."));
    return;
  }
  let set = [];
  try {
    set = JSON.parse(data.keys).keys;
  } catch {
    set = [];
  }
  const rows = set.map((key) => element("tr", null, element("td", null, bdi(key.principal)), element("td", null, bdi(key.kid)), element("td", null, element("code", null, bdi(key.x)))));
  const head = element("tr", null, ...["workload", "key id", "Ed25519 key"].map((name) => element("th", { scope: "col" }, name)));
  $("keys").append(element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "list of keys" }, element("table", null, element("thead", null, head), element("tbody", null, ...rows))));
}

function wire(page) {
  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-item],[data-service],[data-go],[data-view]");
    if (!target) return;
    const { item, service, go, view } = target.dataset;
    if (item !== undefined) page.select(Number(item), true);
    if (go !== undefined) page.select(Number(go), true);
    if (service !== undefined) page.service(Number(service));
    if (view !== undefined) {
      page.view = view;
      page.render();
    }
  });
  $("picture").addEventListener("keydown", (event) => {
    const item = Number(event.target.dataset?.item ?? NaN);
    const next = { ArrowUp: page.parents[item]?.[0], ArrowDown: page.children[item]?.[0] }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    page.select(next, true);
  });
  $("search").addEventListener("input", (event) => page.search(event.target.value));
  $("print").addEventListener("click", () => window.print());
}

async function main() {
  const subtle = globalThis.crypto?.subtle;
  let data = null;
  try {
    const text = $("lineage").textContent;
    data = JSON.parse(text);
    const passport = await passportOf(data);
    const page = new Page(data, passport);
    ours(data);
    keys(data);
    page.render();
    performance.mark("drawn");
    wire(page);
    // The picture first: verification takes its time behind it.
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    let own = await ownVerdict(text, data, passport, subtle);
    page.own = own;
    if (subtle) page.hashes = await Promise.all(passport.slice(0, page.count).map((compact) => sha256(utf8.encode(compact), subtle)));
    if (subtle && data.keys !== null) $("digest").textContent = await sha256(utf8.encode(data.keys), subtle);
    page.haystack = undefined;
    page.render();
    if (page.selected !== null) page.details(page.selected);
    tell(own, data);
  } catch (error) {
    // What cannot be read was changed; what cannot be judged is said to be so.
    const unable = error instanceof Unsupported;
    // Damaged data may be of any shape: the verdict then leans on none of them.
    tell({ verdict: unable ? "unsupported" : "refused", kind: "page_damaged", index: null, why: unable ? error.message : null }, Number.isInteger(data?.drawn) ? { drawn: data.drawn } : null);
  }
}

async function ownVerdict(text, data, passport, subtle) {
  if (subtle && (await sha256(utf8.encode(text), subtle)) !== document.documentElement.dataset.digest) {
    return { verdict: "refused", kind: "page_damaged", index: null, proved: 0, why: null };
  }
  if (data.dialect !== "strict") {
    return { verdict: "unsupported", kind: null, index: null, proved: 0, why: "this passport is in a dialect that the page does not judge" };
  }
  if (data.ours.kind !== null && passport.length === 0) {
    return { verdict: "refused", kind: data.ours.kind, index: null, proved: 0, why: null };
  }
  return verifyPassport({ passport, tips: data.tips, keys: data.keys, limits: data.limits }, subtle);
}

main();
