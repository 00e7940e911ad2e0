"use strict";
// What the page carries, and the only way in which anything of it becomes part of the page: as text.
const data = JSON.parse(document.getElementById("data").textContent);
const hiddenCharacters = new RegExp(data.hidden, "gu");
const numberOf = new Map(data.columns.map((name, index) => [name, index]));
const textOf = (number) => (number < 0 ? null : data.strings[number]);
const visible = (text) =>
  String(text).replace(hiddenCharacters, (found) => `⟦U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟧`);

// A browser takes seconds to lay out a word of 100,000 letters; it may break it here and there instead.
function textNodes(text) {
  const pieces = visible(text).split(/(\S{400})(?=\S)/).filter(Boolean);
  return pieces.flatMap((piece, index) => (index ? [document.createElement("wbr"), piece] : [piece]));
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined) continue;
    element.append(...(child instanceof Node ? [child] : textNodes(child)));
  }
  return element;
}

// A long name may be broken where a person would break it.
const breakable = (text) =>
  String(text).split(/(?=\+)|(?<=[/_-])/).flatMap((piece, index) => (index ? [make("wbr"), piece] : [piece]));

class Ask {
  constructor(row, place) {
    this.row = row;
    this.place = place;
  }
  get(name) {
    return this.row[numberOf.get(name)];
  }
  get id() {
    return `${this.get("run")}.${this.get("ask")}`;
  }
  get panel() {
    return data.panels[this.get("panel")];
  }
  get sample() {
    return data.samples[this.get("sample")];
  }
  get cell() {
    return textOf(this.get("cell"));
  }
  get text() {
    return textOf(this.get("text")) ?? "";
  }
  get outcome() {
    return textOf(this.get("outcome"));
  }
  get judgements() {
    return this.get("judgements").map((number) => {
      const [scorer, version, value, reason, start, end, score, details] = data.judgements[number];
      return { scorer, version, value, reason, start, end, score, details };
    });
  }
  get claim() {
    if (this.outcome === "scored") return `none, a score of ${this.get("score")?.toFixed(3) ?? "nothing"}`;
    return this.get("verdict") ?? (this.get("status") === "answered" ? `no claim (${this.outcome})` : this.outcome);
  }
  get truth() {
    const { gold, type } = this.sample;
    const name = { yes: "anomalous", no: "normal", unknown: "unknown", unanswerable: "unanswerable" }[gold] ?? gold;
    return type ? `${name}: ${type}` : name;
  }
  get snippet() {
    return this.text.slice(0, 160) || (this.outcome === "scored" ? `score ${this.get("score")?.toFixed(3) ?? "–"}` : this.outcome);
  }
  get judged() {
    return this.get("right") ?? (this.get("status") === "answered" ? "not judged" : this.get("status"));
  }
  get views() {
    return this.get("prompt").flatMap(([, parts]) => parts.filter((part) => Array.isArray(part)));
  }
  get picture() {
    const views = this.views;
    const own = views.find(([role]) => role !== "reference") ?? views.at(-1);
    return own === undefined ? null : pictureOf(data.views[own[1]][0]);
  }
  get words() {
    this.cachedWords ??= [this.text, this.sample.id, this.sample.class, this.truth, this.cell, this.outcome]
      .concat(this.judgements.map((judgement) => `${judgement.scorer} ${judgement.value ?? judgement.reason}`))
      .join("\n")
      .toLowerCase();
    return this.cachedWords;
  }
  stands(kind, row, column) {
    const spot = this.get("places")[data.kinds.indexOf(kind)];
    return Boolean(spot) && textOf(spot[0]) === row && textOf(spot[1]) === column;
  }
}

const pictureOf = (number) => (number < 0 ? null : data.pictures[number]);
const asks = data.rows.map((row, place) => new Ask(row, place));

// An entry of the gallery is one ask, or two that are compared.
const entries = data.pairs
  ? data.pairs.map(({ asks: places, kind }) => ({ asks: places.map((place) => asks[place]), kind }))
  : asks.map((ask) => ({ asks: [ask], kind: null }));
const entryOf = new Map(entries.map((entry) => [entry.asks[0].id, entry]));
