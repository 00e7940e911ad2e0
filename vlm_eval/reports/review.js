"use strict";
// Shows one answer at a time and saves every keystroke at once; all that a model said becomes text nodes.
const by = (id) => document.getElementById(id);
const buttons = [...document.querySelectorAll("#keys button")];
const readings = { y: "yes", n: "no", h: "hedged", s: "skip" };
const words = { yes: "yes", no: "no", hedged: "hedged", skip: "skipped" };
const waitSeconds = 5;
let present = null;
let busy = true;

function make(tag, name, ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...children);
  return element;
}

// A browser takes seconds to lay out a word of 100,000 letters; it may break it here and there instead.
function pieces(text) {
  const parts = text.split(/(\S{400})(?=\S)/).filter(Boolean);
  return parts.flatMap((part, index) => (index ? [document.createElement("wbr"), part] : [part]));
}

function drawPicture(part, order) {
  const frame = make("div", "frame");
  if (part.picture === null) {
    frame.append(make("span", "missing", "picture not kept"));
  } else {
    const image = make("img");
    image.alt = `picture ${order}: ${part.role}`;
    image.src = `/media/${part.picture}`;
    frame.append(image);
  }
  const size = part.width ? ` · ${part.width} × ${part.height}` : "";
  return make("figure", "", frame, make("figcaption", "", `${order} · ${part.role}${size}`));
}

function drawTurn(turn, several, count) {
  const drawn = several ? [make("div", "who", turn.role)] : [];
  let row = null;
  for (const part of turn.parts) {
    if (part.text === undefined) {
      if (row === null) drawn.push((row = make("div", "pictures")));
      row.append(drawPicture(part, ++count.pictures));
    } else {
      row = null;
      const text = make("p", "text", ...pieces(part.text));
      text.tabIndex = 0;
      drawn.push(text);
    }
  }
  return make("div", "turn", ...drawn);
}

function showText(element, text, target = element) {
  element.hidden = !text;
  target.replaceChildren(...pieces(text ?? ""));
}

function drawItem(item) {
  const count = { pictures: 0 };
  by("turns").replaceChildren(...item.turns.map((turn) => drawTurn(turn, item.turns.length > 1, count)));
  by("answer").replaceChildren(...(item.answer.trim() ? pieces(item.answer) : [make("em", "", "an empty answer")]));
  const ends = { stop: "", length: "The answer was cut off.", refusal: "The model's service marked this as a refusal." };
  showText(by("finish"), ends[item.finish] ?? `Ended by ${item.finish}.`);
  by("reasoning").open = false;
  showText(by("reasoning"), item.reasoning, by("reasoning").querySelector("p"));
  showText(by("extra"), [item.model, item.gold].filter(Boolean).join(" · "));
}

function draw(state) {
  present = state.item;
  const all = state.read + state.left;
  by("progress").textContent = `${state.reviewer} · ${state.read} of ${all}`;
  by("bar").value = all ? state.read / all : 0;
  by("desk").hidden = present === null;
  by("nothing").hidden = present !== null;
  by("undo").disabled = state.read === 0;
  for (const button of buttons) button.disabled = present === null;
  if (present === null) {
    by("nothing").textContent = `Nothing is left to read for ${state.reviewer}. While the run goes on, new answers appear here by themselves.`;
    setTimeout(lookAgain, waitSeconds * 1000);
  } else {
    drawItem(present);
    scrollTo(0, 0);
    by("answer").scrollTop = 0;
  }
}

async function lookAgain() {
  if (present === null && !busy) await send("/item", null, "");
}

// One request at a time: a key that is pressed before the next answer is seen would be about the wrong one.
async function send(path, body, saved) {
  busy = true;
  try {
    const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const reply = await fetch(path, options ?? {});
    const state = await reply.json();
    if (state.read !== undefined) draw(state);
    showText(by("problem"), state.problem);
    if (reply.ok && body) by("saved").textContent = saved;
  } catch {
    showText(by("problem"), "Not saved: the command in the terminal does not answer. Run it again; what was saved before is kept.");
  }
  busy = false;
  for (const button of buttons) button.classList.remove("pressed");
}

function say(reading) {
  if (busy || present === null) return;
  buttons.find((button) => button.dataset.reading === reading).classList.add("pressed");
  send("/say", { ask: present.ask, reading }, `Saved: ${words[reading]}`);
}

function undo() {
  if (!busy && !by("undo").disabled) send("/undo", {}, "Taken back");
}

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  if (Object.hasOwn(readings, key)) say(readings[key]);
  else if (key === "u" || key === "backspace") undo();
  else return;
  event.preventDefault();
});
for (const button of buttons) button.addEventListener("click", () => say(button.dataset.reading));
by("undo").addEventListener("click", undo);

history.replaceState(null, "", "/"); // the link is good once, and not for bookmarks
send("/item", null, "");
