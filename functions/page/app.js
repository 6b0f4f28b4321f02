// The page: a key, images, and what the live model says of them.

import { Refused, ask, storedKey, storeKey } from "./api.js";
import { colourOf, drawBoxes, frameOf, make } from "./boxes.js";
import { open as openFeedback } from "./feedback.js";
import { base64, prepare } from "./images.js";
import { ModelPanel } from "./model.js";

const AT_ONCE = 2; // questions under way
const by = (id) => document.getElementById(id);
const panel = new ModelPanel(by("model"), by("status"), by("project"));
const cards = new Set();
const waiting = [];
let asking = 0;

// --- the key ---------------------------------------------------------------------------------------------

async function enter() {
  try {
    await panel.refresh();
  } catch (error) {
    return lock(error.message);
  }
  by("unlock").hidden = true;
  by("desk").hidden = by("forget").hidden = false;
  for (const card of cards) card.show();
}

function lock(message = "") {
  storeKey(null);
  panel.forget();
  by("desk").hidden = by("forget").hidden = true;
  by("unlock").hidden = false;
  by("refused").textContent = message;
  by("refused").hidden = !message;
  by("key").value = "";
  by("key").focus();
}

by("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  storeKey(by("key").value.trim());
  enter();
});
by("forget").addEventListener("click", () => {
  clear();
  lock();
});

// --- images ----------------------------------------------------------------------------------------------

class Card {
  image = null;
  answer = null;
  #place = make("article", "card");
  #frame = make("div"); // until there is a picture
  #said = make("div", "said");
  #feet = make("div", "row feet");

  constructor(file) {
    this.file = file;
    this.name = file.name || "pasted image";
    const remove = make("button", "quiet small", "Remove");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove ${this.name}`);
    remove.addEventListener("click", () => this.remove());
    const head = make("div", "spread");
    head.append(make("h3", "", this.name), remove);
    this.#said.setAttribute("aria-live", "polite");
    this.#place.append(head, this.#frame, this.#said, this.#feet);
    by("cards").prepend(this.#place);
  }

  async ask() {
    this.#tell(make("p", "dim", "Asking the model …"));
    try {
      this.image ??= await this.#prepared();
      const began = performance.now();
      const image = await base64(this.image.blob);
      this.answer = await ask("POST", "predictions", { image, minConfidence: 0 });
      this.answer.milliseconds = performance.now() - began;
      this.show();
    } catch (error) {
      this.#failed(error);
    }
  }

  async #prepared() {
    const image = await prepare(this.file);
    const frame = frameOf(image.url, this.name);
    this.#frame.replaceWith(frame);
    this.#frame = frame;
    return image;
  }

  /** Shows what is above the threshold; asks nobody. */
  show() {
    if (!this.answer) return;
    const kept = this.shown();
    const boxed = kept.filter((one) => one.Geometry);
    drawBoxes(this.#frame, boxed.map((one) => ({ ...one, BoundingBox: one.Geometry.BoundingBox })));
    const list = make("ol", "labels");
    list.append(...kept.map(bar));
    const none = kept.length ? [] : [make("p", "dim", "No label is confident enough.")];
    const facts = `${Math.round(this.answer.milliseconds)} ms · ${this.answer.Model}`;
    this.#tell(list, ...none, make("p", "dim", facts), ...this.#note());
    const wrong = make("button", "quiet small", "This is wrong");
    wrong.type = "button";
    wrong.addEventListener("click", () => this.#correct());
    this.#feet.replaceChildren(wrong);
  }

  shown() {
    const own = by("own").checked;
    const least = Number(by("least").value);
    return this.answer.Predictions.filter((one) => one.Confidence >= (own ? panel.threshold(one.Name) : least));
  }

  remove() {
    cards.delete(this);
    this.#place.remove();
    if (this.image) URL.revokeObjectURL(this.image.url);
    counted();
  }

  #correct() {
    openFeedback({
      image: this.image,
      labels: panel.labels,
      predictions: this.shown(),
      done: (id) => this.#feet.append(make("p", "thanks", `Thank you: a person will look at it (${id}).`)),
    });
  }

  #note() {
    return this.image.note ? [make("p", "dim", this.image.note)] : [];
  }

  #tell(...elements) {
    this.#said.replaceChildren(...elements);
  }

  #failed(error) {
    if (error.status === 403) {
      lock(error.message);
      return this.#tell(make("p", "dim", "Not asked yet."), this.#again());
    }
    const elements = [make("p", "error", error.message)];
    if (error instanceof Refused) elements.push(this.#again(error.retryAfter));
    if (error.code === "ModelNotRunning" || error.code === "ModelStarting") panel.refresh().catch(() => {});
    this.#tell(...elements);
  }

  #again(seconds = 0) {
    const button = make("button", "quiet small", "Try again");
    button.type = "button";
    button.disabled = seconds > 0;
    if (seconds > 0) {
      button.textContent = `Try again in ${seconds} s`;
      setTimeout(() => Object.assign(button, { disabled: false, textContent: "Try again" }), seconds * 1000);
    }
    button.addEventListener("click", () => enqueue(this));
    return button;
  }
}

function bar(one) {
  const item = make("li", colourOf(one.Name));
  const meter = make("span", "bar");
  meter.style.width = `${one.Confidence}%`;
  item.append(make("span", "name", one.Name), make("span", "value", `${one.Confidence.toFixed(1)} %`), meter);
  return item;
}

function enqueue(card) {
  waiting.push(card);
  pump();
}

async function pump() {
  while (waiting.length && asking < AT_ONCE) {
    const card = waiting.shift();
    if (!cards.has(card)) continue;
    asking += 1;
    card.ask().finally(() => {
      asking -= 1;
      pump();
    });
  }
}

function add(files) {
  for (const file of files) {
    const card = new Card(file);
    cards.add(card);
    enqueue(card);
  }
  counted();
}

function counted() {
  by("over").hidden = cards.size === 0;
  by("count").textContent = `${cards.size} image${cards.size === 1 ? "" : "s"}`;
}

function clear() {
  for (const card of [...cards]) card.remove();
}

const imagesOf = (transfer) => [...transfer.files];
const drop = by("drop");
by("files").addEventListener("change", (event) => {
  add(event.target.files);
  event.target.value = ""; // so that the same file can be chosen again
});
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault(); // a file that misses the place would else replace the page
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop" && !by("desk").hidden) add(imagesOf(event.dataTransfer));
  });
}
document.addEventListener("paste", (event) => {
  const files = imagesOf(event.clipboardData);
  if (files.length && !by("desk").hidden) add(files);
});
by("clear").addEventListener("click", clear);

// --- the threshold ---------------------------------------------------------------------------------------

function filter() {
  by("least-said").textContent = by("own").checked ? "each label's own" : `${by("least").value} %`;
  for (const card of cards) card.show();
}

by("own").addEventListener("change", filter);
by("least").addEventListener("input", () => {
  by("own").checked = false;
  filter();
});

filter();
if (storedKey()) enter();
else lock();
