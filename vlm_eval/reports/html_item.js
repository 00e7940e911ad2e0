// One item in full: pictures in the order in which the model saw them, the answer, its judgements, the prompt.
const dialog = document.getElementById("item");
const regionBox = document.getElementById("region");
const mapBox = document.getElementById("map");
let shownEntry = null;
let shownList = [];

function drawPicture([role, view, over], order, ask) {
  const sample = ask.sample;
  const [picture, width, height, name] = data.views[view];
  const url = pictureOf(picture);
  const frame = make("div", { class: "frame" });
  if (url === null) frame.append(make("span", { class: "missing" }, "picture not kept"));
  else frame.append(image(url, `picture ${order}: ${role}, ${name}`));
  const region = pictureOf(sample.region);
  if (over && url !== null && region !== null) frame.append(image(region, "gold region", "region"));
  const map = ask.get("map");
  const mapped = map !== null && role !== "reference" && map[1] === view ? pictureOf(map[0]) : null;
  if (mapped !== null && url !== null) frame.append(image(mapped, `score map of ${textOf(map[2])}`, "map"));
  const size = width ? ` · ${width} × ${height}` : "";
  const note = mapped === null ? null : make("span", { class: "map" }, ` · score map of ${textOf(map[2])}, from its median in this class to its highest score`);
  return make("figure", {}, frame, make("figcaption", {}, `${order} · ${role} · ${name}${size}`, note));
}

function image(url, words, name) {
  const element = make("img", { alt: visible(words), class: name, loading: data.lazy ? "lazy" : null });
  element.src = url;
  return element;
}

function drawPictures(ask) {
  const shown = ask.views.map((part, index) => drawPicture(part, index + 1, ask));
  const region = pictureOf(ask.sample.region);
  if (region !== null && !ask.views.some((part) => part[2])) {
    const frame = make("div", { class: "frame region standing-region" }, image(region, "gold region of the source"));
    frame.classList.replace("region", "apart-region");
    shown.push(make("figure", { class: "region" }, frame, make("figcaption", {}, "gold region of the source picture")));
  }
  return make("div", { class: "pictures" }, shown.length ? shown : make("p", { class: "quiet" }, "No pictures."));
}

function markedText(text, start, end) {
  if (start === null || start === undefined || end <= start) return [text];
  return [text.slice(0, start), make("mark", {}, text.slice(start, end)), text.slice(end)];
}

function drawAnswer(ask) {
  if (ask.get("status") !== "answered") {
    const words = ask.get("status") === "open" ? "Not asked yet." : `${ask.outcome}. ${ask.text}`;
    return [make("p", { class: "text answer" }, words)];
  }
  if (ask.outcome === "scored") return [make("p", { class: "text answer" }, ask.snippet)];
  const verdict = ask.judgements.find((judgement) => judgement.scorer === "verdict") ?? {};
  const parts = ask.text === "" ? [make("em", {}, "an empty answer")] : markedText(ask.text, verdict.start, verdict.end);
  const drawn = [make("p", { class: "text answer" }, parts)];
  const reasoning = textOf(ask.get("reasoning"));
  if (reasoning) drawn.push(make("details", {}, make("summary", {}, "Reasoning"), make("p", { class: "text" }, reasoning)));
  return drawn;
}

function drawJudgements(ask) {
  const rows = ask.judgements.map((one) => {
    const quoted = one.start === null ? "" : ask.text.slice(one.start, one.end).slice(0, 200);
    const details = Object.entries(one.details).map(([name, value]) => `${name}: ${value}`);
    if (one.score !== null) details.unshift(`score: ${one.score}`);
    const value = one.value === null ? `– (${one.reason ?? "abstains"})` : String(one.value);
    const scorer = make("th", { scope: "row", title: `version ${one.version}` }, one.scorer);
    return make("tr", {}, scorer, make("td", {}, value), make("td", {}, quoted && `“${quoted}”`), make("td", { class: "quiet" }, details.join(", ")));
  });
  const score = ask.get("score");
  if (score !== null) {
    const source = ask.panel.score ?? "score";
    const claim = !data.forced.includes(source) || score === 0.5 ? "–" : score > 0.5 ? "anomalous" : "normal";
    rows.push(make("tr", {}, make("th", { scope: "row" }, source), make("td", {}, claim), make("td"), make("td", { class: "quiet" }, `score: ${score.toFixed(3)}`)));
  }
  if (!rows.length) return [];
  const head = ["scorer", "value", "from", "details"].map((name) => make("th", { scope: "col" }, name));
  return [make("h3", {}, "Judgements"), make("table", {}, make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows))];
}

function drawPrompt(ask) {
  let order = 0;
  const turns = ask.get("prompt").map(([who, parts]) => {
    const drawn = parts.flatMap((part, index) => {
      const shown = Array.isArray(part) ? make("span", { class: "token" }, `picture ${++order}: ${part[0]}`) : make("span", {}, textOf(part));
      return index ? [document.createTextNode("\n"), shown] : [shown];
    });
    return make("div", { class: "turn" }, make("div", { class: "who" }, who), make("p", { class: "text" }, drawn));
  });
  return [make("h3", {}, "Prompt"), ...turns];
}

function drawFacts(ask) {
  const seconds = ask.get("latency");
  const facts = [ask.panel.model, ask.cell];
  if (ask.get("round")) facts.push(`round ${ask.get("round")}`);
  if (ask.get("repeat")) facts.push(`repeat ${ask.get("repeat")}`);
  if (seconds !== null) facts.push(`${seconds.toPrecision(2)} s`);
  if (ask.get("tokens_in") !== null) facts.push(`${ask.get("tokens_in")} tokens in, ${ask.get("tokens_out") ?? "?"} out`);
  const seen = textOf(ask.get("seen"));
  if (seen) facts.push(seen);
  if (ask.get("finish") && ask.get("finish") !== "stop") facts.push(`ended by ${ask.get("finish")}`);
  const served = textOf(ask.get("served"));
  if (served) facts.push(`served by ${served}`);
  const line = make("p", {}, "Truth: ", make("strong", {}, ask.truth), ask.sample.place ? `, at ${ask.sample.place}` : "", ". Claim: ", make("strong", {}, ask.claim), ". ", badge(ask));
  return [line, make("p", { class: "quiet" }, facts.join(" · "))];
}

function badge(ask) {
  const [mark, name] = { right: ["✓", "is-right"], wrong: ["✗", "is-wrong"] }[ask.judged] ?? ["–", "is-none"];
  return make("span", { class: `badge ${name}` }, `${mark} ${ask.judged}`);
}

function drawOthers(ask) {
  const others = asks.filter((one) => one.get("sample") === ask.get("sample") && entryOf.has(one.id));
  if (others.length < 2) return [];
  const rows = others.slice(0, 100).map((one) => {
    const link = make("a", { href: `#item=${one.id}` }, `${one.panel.model} · ${one.cell}${one.get("repeat") ? ` · repeat ${one.get("repeat")}` : ""}`);
    const here = one === ask ? "here" : null;
    return make("tr", { class: here }, make("td", {}, link), make("td", {}, badge(one)), make("td", { class: "quiet" }, one.snippet.slice(0, 120)));
  });
  return [make("details", { open: others.length <= 16 }, make("summary", {}, `The same item elsewhere (${others.length})`), make("table", {}, make("tbody", {}, rows)))];
}

function drawAsk(ask, index, all) {
  const title = all.length > 1 ? [make("h3", {}, data.sides[index])] : [];
  return make("div", { class: "side" }, title, drawFacts(ask), drawPictures(ask), make("h3", {}, "Answer"), drawAnswer(ask), drawJudgements(ask), drawPrompt(ask), all.length > 1 ? [] : drawOthers(ask));
}

function showEntry(entry) {
  shownEntry = entry;
  const list = shownList.includes(entry) ? shownList : entries;
  const place = list.indexOf(entry);
  const first = entry.asks[0];
  document.getElementById("place").textContent = `${place + 1} of ${list.length}`;
  document.getElementById("previous").disabled = place <= 0;
  document.getElementById("next").disabled = place >= list.length - 1;
  document.getElementById("item-title").textContent = visible(first.sample.id);
  document.getElementById("region-label").hidden = pictureOf(first.sample.region) === null;
  document.getElementById("map-label").hidden = !entry.asks.some((ask) => ask.get("map") !== null);
  const body = document.getElementById("item-body");
  body.classList.toggle("two", entry.asks.length > 1);
  body.replaceChildren(...entry.asks.map(drawAsk));
  showLayers();
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  document.getElementById("item-title").focus({ preventScroll: true });
  for (const mark of body.querySelectorAll(".answer mark")) {
    const box = mark.closest(".answer");
    if (mark.offsetTop - box.offsetTop > box.clientHeight) box.scrollTop = mark.offsetTop - box.offsetTop - 40;
  }
}

function showLayers() {
  for (const region of document.querySelectorAll("#item-body .region")) region.hidden = !regionBox.checked;
  for (const map of document.querySelectorAll("#item-body .map")) map.hidden = !mapBox.checked;
}

function step(by) {
  const list = shownList.includes(shownEntry) ? shownList : entries;
  const next = list[list.indexOf(shownEntry) + by];
  if (!next) return;
  history.replaceState(null, "", `#item=${next.asks[0].id}`);
  showEntry(next);
}

function followHash() {
  const found = /^#item=(\d+\.\d+)$/.exec(location.hash);
  const entry = found && entryOf.get(found[1]);
  if (entry) showEntry(entry);
  else if (dialog.open) dialog.close();
}

document.getElementById("previous").addEventListener("click", () => step(-1));
document.getElementById("next").addEventListener("click", () => step(1));
document.getElementById("close").addEventListener("click", () => dialog.close());
for (const toggle of [regionBox, mapBox]) toggle.addEventListener("change", showLayers);
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("close", () => {
  if (!location.hash.startsWith("#item=")) return;
  history.replaceState(null, "", "#items");
  const card = [...document.querySelectorAll("#gallery a")].find((one) => one.dataset.id === shownEntry?.asks[0].id);
  card?.focus();
});
dialog.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowRight") step(1);
  else if (event.key === "m" || event.key === "h") {
    const toggle = event.key === "m" ? regionBox : mapBox;
    if (toggle.closest("label").hidden) return;
    toggle.checked = !toggle.checked;
    showLayers();
  } else return;
  event.preventDefault();
});
addEventListener("hashchange", followHash);
