// The dialog in which a person says what an image shows.

import { ask } from "./api.js";
import { BoxEditor, colourOf, make } from "./boxes.js";
import { base64 } from "./images.js";

const dialog = document.getElementById("wrong");
const form = document.getElementById("wrong-form");
const choices = document.getElementById("choices");
const another = document.getElementById("new-label");
const comment = document.getElementById("comment");
const error = document.getElementById("wrong-error");
const send = document.getElementById("send");
const parts = { labels: document.getElementById("by-labels"), boxes: document.getElementById("by-boxes") };

let about = null; // {image, editor, done}

/**
 * Opens the dialog about a picture: `image` as images.js prepared it, `labels` to choose from, and the
 * `predictions` that are shown; `done` is called with the id of what was sent.
 */
export function open({ image, labels, predictions, done }) {
  const boxed = predictions.filter((one) => one.Geometry);
  const shown = new Set(predictions.filter((one) => !one.Geometry).map((one) => one.Name));
  const names = [...new Set([...labels, ...predictions.map((one) => one.Name)])];
  choices.replaceChildren(choices.querySelector("legend"), ...names.map((name) => choice(name, shown.has(name))));
  const editor = new BoxEditor(parts.boxes, image.url, {
    labels: names,
    boxes: boxed.map((one) => ({ Name: one.Name, BoundingBox: one.Geometry.BoundingBox })),
  });
  about = { image, editor, done };
  comment.value = another.value = "";
  tell("");
  turnTo(boxed.length ? "boxes" : "labels");
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
  const known = [...choices.querySelectorAll("input")].find((one) => one.value === name);
  if (!name) return;
  if (known) known.checked = true;
  else choices.append(choice(name, true));
  another.value = "";
}

/** What was said, or a sentence that says what is missing. */
function said() {
  if (form.elements.kind.value === "boxes") {
    const boxes = about.editor.boxes;
    const bare = boxes.findIndex((one) => !one.Name);
    return bare < 0 ? { boxes } : `Box ${bare + 1} has no label.`;
  }
  return { labels: [...choices.querySelectorAll("input:checked")].map((one) => one.value) };
}

async function submit() {
  addLabel(); // which was typed and not added yet
  const told = said();
  if (typeof told === "string") return tell(told);
  send.disabled = true;
  tell("");
  try {
    const image = await base64(about.image.blob);
    const answer = await ask("POST", "feedback", { image, ...told, comment: comment.value });
    about.done(answer.id);
    dialog.close();
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
