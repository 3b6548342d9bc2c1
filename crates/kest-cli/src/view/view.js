// Shows what comes without a reload. The pages work without it.
"use strict";

const EVERY = 1000;
const pause = document.getElementById("pause");
const news = document.getElementById("news");
let paused = false;
let busy = false;

const keys = (root) => new Set(Array.from(root.querySelectorAll("[data-key]"), (row) => row.dataset.key));

// What has the focus in a part that is exchanged, so that it has it again afterwards.
function focused(part) {
  const active = document.activeElement;
  if (!part.contains(active)) return null;
  if (active.matches("a[href]")) return (root) => Array.from(root.querySelectorAll("a[href]")).find((link) => link.getAttribute("href") === active.getAttribute("href"));
  return (root) => root.querySelector(`[aria-label="${CSS.escape(active.getAttribute("aria-label") ?? "")}"]`);
}

function exchange(id, fresh) {
  const [part, other] = [document.getElementById(id), fresh.getElementById(id)];
  if (!part || !other || part.isEqualNode(other)) return 0;
  const [known, again] = [keys(part), focused(part)];
  const scrolled = part.querySelector(".scroll")?.scrollLeft ?? 0;
  const rows = Array.from(other.querySelectorAll("[data-key]")).filter((row) => !known.has(row.dataset.key));
  for (const row of rows) row.classList.add("new");
  const taken = document.importNode(other, true);
  part.replaceWith(taken);
  const scroll = taken.querySelector(".scroll");
  if (scroll) scroll.scrollLeft = scrolled;
  again?.(taken)?.focus({ preventScroll: true });
  return rows.length;
}

// Where the program does not read what comes any more, its page says so, and is not called live.
const live = () => (document.querySelector("#standing [data-live=no]") ? "Not live" : "Live");

async function look() {
  if (paused || busy || document.hidden) return;
  busy = true;
  try {
    const now = await (await fetch("/changes", { cache: "no-store" })).text();
    if (now !== document.body.dataset.now) {
      const answer = await fetch(location.href, { cache: "no-store" });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.body.dataset.now = fresh.body.dataset.now ?? now;
      exchange("standing", fresh);
      const count = exchange("list", fresh);
      news.textContent = count === 0 ? live() : count === 1 ? "1 new" : `${count} new`;
    } else if (news.textContent.startsWith("No answer") || news.textContent === "") {
      news.textContent = live();
    }
  } catch {
    news.textContent = "No answer: is kest view still running?";
  }
  busy = false;
}

pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  news.textContent = paused ? "Paused" : live();
  look();
});
document.addEventListener("visibilitychange", look);
setInterval(look, EVERY);
look();
