// The dialog in which a reviewer says what an image shows.

import { BoxEditor, colourOf, frameOf, make } from "./boxes.js";

const dialog = document.getElementById("correct");
const form = document.getElementById("correct-form");
const kinds = document.getElementById("kinds");
const shown = document.getElementById("shown");
const choices = document.getElementById("choices");
const another = document.getElementById("new-label");
const error = document.getElementById("correct-error");
const send = document.getElementById("send");
const parts = { labels: document.getElementById("by-labels"), boxes: document.getElementById("by-boxes") };

let about = null; // {editor, accept}

/**
 * Opens the dialog about a picture at `url`: `known` labels to choose from, `kind` if only labels or only boxes can
 * be trained on, what was `said`, and `accept`, which takes {labels} or {boxes}, fails with a sentence, and gives
 * what is to be done once the dialog is closed.
 */
export function open({ url, known, kind, said, accept }) {
  const names = [...new Set([...known, ...(said.labels ?? []), ...(said.boxes ?? []).map((one) => one.Name)])];
  const checked = new Set(said.labels ?? (said.boxes ?? []).map((one) => one.Name));
  choices.replaceChildren(choices.querySelector("legend"), ...names.map((name) => choice(name, checked.has(name))));
  shown.replaceChildren(frameOf(url, "The image"));
  const editor = new BoxEditor(parts.boxes, url, { labels: names, boxes: said.boxes ?? [] });
  about = { editor, accept };
  another.value = "";
  tell("");
  kinds.hidden = kind !== null;
  turnTo(kind ?? (said.boxes ? "boxes" : "labels"));
  dialog.showModal();
}

function choice(name, checked) {
  const label = make("label", `choice ${colourOf(name)}`);
  const box = Object.assign(make("input"), { type: "checkbox", value: name, checked });
  label.append(box, make("span", "", name));
  return label;
}

function turnTo(kind) {
  form.elements.kind.value = kind;
  for (const [name, part] of Object.entries(parts)) part.hidden = name !== kind;
}

function tell(text) {
  error.textContent = text;
  error.hidden = !text;
}

function addLabel() {
  const name = another.value.trim();
  if (!name) return;
  const known = [...choices.querySelectorAll("input")].find((one) => one.value === name);
  if (known) known.checked = true;
  else choices.append(choice(name, true));
  another.value = "";
}

/** What is said now, or a sentence that says what is missing. */
function said() {
  if (form.elements.kind.value === "boxes") {
    const boxes = about.editor.boxes;
    if (!boxes.length) return "Draw a box around each object, or cancel and discard the image.";
    const bare = boxes.findIndex((one) => !one.Name);
    return bare < 0 ? { boxes } : `Box ${bare + 1} has no label.`;
  }
  const labels = [...choices.querySelectorAll("input:checked")].map((one) => one.value);
  return labels.length ? { labels } : "Choose a label, or cancel and discard the image.";
}

async function submit() {
  addLabel(); // which was typed and not added yet
  const told = said();
  if (typeof told === "string") return tell(told);
  send.disabled = true;
  tell("");
  try {
    const next = await about.accept(told);
    dialog.close(); // first: what lies behind it cannot be focused
    next();
  } catch (refused) {
    tell(refused.message);
  } finally {
    send.disabled = false;
  }
}

form.addEventListener("change", (event) => event.target.name === "kind" && turnTo(event.target.value));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
document.getElementById("cancel").addEventListener("click", () => dialog.close());
document.getElementById("add-label").addEventListener("click", addLabel);
another.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault(); // which would send the form
  addLabel();
});
