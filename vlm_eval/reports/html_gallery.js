// The gallery: filters, the items behind a number of a confusion matrix, and what is shown of them.
const PAGE = 60;
let matrixFilter = null; // the dataset of a number of a confusion matrix, or of a probe
let shownCards = PAGE;

const several = data.panels.length > 1;
const panelName = (panel) => (new Set(data.panels.map((one) => one.run)).size > 1 ? `${panel.model} · ${panel.card} · ${panel.run}` : several ? `${panel.model} · ${panel.card}` : panel.model);
const FILTERS = {
  panel: (ask) => panelName(ask.panel),
  cell: (ask) => ask.cell,
  class: (ask) => ask.sample.class,
  gold: (ask) => ask.truth,
  right: (ask) => ask.judged,
  outcome: (ask) => ask.outcome,
  pair: (ask, entry) => entry.kind,
};
const box = (name) => document.getElementById(`filter-${name}`);

for (const [name, read] of Object.entries(FILTERS)) {
  const counts = new Map();
  for (const entry of entries) {
    for (const value of new Set(entry.asks.map((ask) => read(ask, entry)))) {
      if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  }
  const options = [...counts].map(([value, count]) => {
    const option = make("option", {}, `${value} (${count})`);
    option.value = value;
    return option;
  });
  box(name).append(make("option", { value: "" }, "all"), ...options);
  box(name).closest("label").hidden = counts.size < 2;
  box(name).addEventListener("change", refresh);
}
box("disagree").closest("label").hidden = !asks.some((ask) => ask.get("disagree"));
box("disagree").addEventListener("change", refresh);

function matches(entry, words, wanted) {
  if (matrixFilter && !entry.asks.some(behindTile)) return false;
  if (box("disagree").checked && !entry.asks.some((ask) => ask.get("disagree"))) return false;
  for (const [name, value] of wanted) {
    if (!entry.asks.some((ask) => String(FILTERS[name](ask, entry)) === value)) return false;
  }
  return words.every((word) => entry.asks.some((ask) => ask.words.includes(word)));
}

const claimOf = (ask) => ask.get("verdict") ?? "none";
const answerKey = (panel, cell, ask) => `${panel} ${ask.get("sample")} ${ask.get("repeat")} ${ask.get("round")} ${cell}`;
let answersByKey = null;

// Whether an answer under a probe claims something else than the answer of the cell that it is put to.
function changedByProbe(ask) {
  const { panel, probe, base } = matrixFilter;
  if (String(ask.get("panel")) !== panel || ask.cell !== probe || ask.get("right") === null) return false;
  answersByKey ??= new Map(asks.map((one) => [answerKey(one.get("panel"), one.cell, one), one]));
  const other = answersByKey.get(answerKey(panel, base, ask));
  return other !== undefined && other.get("right") !== null && claimOf(other) !== claimOf(ask);
}

function behindTile(ask) {
  const { panel, cell, kind, row, column, probe } = matrixFilter;
  if (probe !== undefined) return changedByProbe(ask);
  return String(ask.get("panel")) === panel && ask.cell === cell && ask.stands(kind, row, column);
}

function refresh() {
  const words = box("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = Object.keys(FILTERS).map((name) => [name, box(name).value]).filter(([, value]) => value !== "");
  shownList = entries.filter((entry) => matches(entry, words, wanted));
  shownCards = PAGE;
  draw();
}

function draw() {
  const gallery = document.getElementById("gallery");
  gallery.replaceChildren(...shownList.slice(0, shownCards).map(drawCard));
  document.getElementById("more").hidden = shownList.length <= shownCards;
  const whole = matrixFilter && Number(matrixFilter.count) > shownList.length ? ` in this page, of ${matrixFilter.count} in the run` : "";
  const number = shownList.length === 1 ? "1 answer" : `${shownList.length.toLocaleString("en")} ${data.pairs ? "items" : "answers"}`;
  document.getElementById("count").textContent = `${number}${whole || (shownList.length < entries.length ? ` of ${entries.length.toLocaleString("en")}` : "")}`;
}

function drawCard(entry) {
  const [ask] = entry.asks;
  const picture = ask.picture === null ? make("span", { class: "empty" }, "no picture") : image(ask.picture, "");
  const link = make("a", { class: "card", href: `#item=${ask.id}`, "data-id": ask.id }, picture);
  const body = make("span", { class: "body" }, make("span", { class: "where" }, ask.truth));
  for (const one of entry.asks) {
    body.append(make("span", {}, badge(one)), make("span", { class: "snippet" }, one.snippet));
  }
  if (entry.asks.length === 1) body.append(make("span", { class: "where" }, breakable(several ? `${ask.panel.model} · ${ask.cell}` : ask.cell)));
  link.append(body);
  return make("li", {}, link);
}

function listTile(tile, words) {
  clearBoxes();
  matrixFilter = { ...tile.dataset };
  tile.setAttribute("aria-pressed", "true");
  const note = document.getElementById("matrix-filter");
  note.hidden = false;
  note.querySelector("span").textContent = visible(words);
  refresh();
  goToItems();
}

function goToItems() {
  const items = document.getElementById("items");
  items.scrollIntoView();
  items.focus({ preventScroll: true });
}

function clearBoxes() {
  matrixFilter = null;
  for (const tile of document.querySelectorAll("[aria-pressed]")) tile.removeAttribute("aria-pressed");
  document.getElementById("matrix-filter").hidden = true;
  document.getElementById("filters").reset();
}

function clearAll() {
  clearBoxes();
  refresh();
}

let typing = 0;
box("text").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(refresh, 120);
});
document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
document.getElementById("clear").addEventListener("click", clearAll);
document.getElementById("leave-matrix").addEventListener("click", clearAll);
document.getElementById("more").addEventListener("click", () => {
  shownCards += PAGE;
  draw();
});
for (const tile of document.querySelectorAll(".tile")) {
  const { cell, row, column } = tile.dataset;
  tile.addEventListener("click", () => listTile(tile, `${cell}: what is ${row} and claimed as ${column}.`));
}
for (const button of document.querySelectorAll("[data-probe]")) {
  const { probe, base } = button.dataset;
  button.addEventListener("click", () => listTile(button, `${probe}: answers that claim something else than in ${base}.`));
}
document.getElementById("show-disagreements")?.addEventListener("click", () => {
  clearBoxes();
  box("disagree").checked = true;
  refresh();
  goToItems();
});
for (const button of document.querySelectorAll("[data-pair]")) {
  button.addEventListener("click", () => {
    clearBoxes();
    box("pair").value = button.dataset.pair;
    refresh();
    goToItems();
  });
}
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || dialog.open || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
  event.preventDefault();
  box("text").focus();
});
refresh();
followHash();
